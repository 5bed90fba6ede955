"""MNIST's download: what it leaves, and what is said where it fails."""

import gzip
import os
import socket
from types import SimpleNamespace

import pytest

from datamodules import mnist
from helpers.data import TRAIN, one_line_error, pack, served, small_mnist, write_mnist


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder of small packed files that torchvision downloads from, over HTTP, and its address."""
    from torchvision.datasets import MNIST
    from torchvision.datasets.utils import calculate_md5

    folder = tmp_path / "mirror"
    for file in list(write_mnist(folder).iterdir()):
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    with served(folder) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(MNIST, "mirrors", [url])
        files = sorted(folder.glob("*.gz"), reverse=True)  # in torchvision's order: train, then test
        monkeypatch.setattr(MNIST, "resources", [(file.name, calculate_md5(file)) for file in files])
        yield SimpleNamespace(folder=folder, url=url, server=server)


@pytest.mark.parametrize("left", [None, b"", b"\x1f\x8b half a download"])
def test_a_download_lands_where_it_is_read(tmp_path, mirror, left):
    if left is not None:
        (tmp_path / "data" / "MNIST" / "raw").mkdir(parents=True)
        (tmp_path / "data" / "MNIST" / "raw" / f"{TRAIN}.gz").write_bytes(left)
    data = small_mnist(tmp_path / "data", download=True)
    data.prepare_data()
    data.setup()
    assert len(data.splits["train"].images) == 32


@pytest.mark.parametrize("network", ["up", "down"])
def test_a_failed_download_says_what_to_fetch_and_where_to_put_it(tmp_path, mirror, network):
    if network == "up":
        (mirror.folder / f"{TRAIN}.gz").write_bytes(b"not what it was")
    else:
        mirror.server.shutdown()
        mirror.server.server_close()
    data = small_mnist(tmp_path / "data", download=True)
    message = one_line_error(data.prepare_data)
    assert f"{TRAIN}: cannot be downloaded" in message
    assert f"fetch {mirror.url}{TRAIN}.gz by hand" in message
    assert str(tmp_path / "data" / "MNIST" / "raw") in message


@pytest.mark.parametrize("name", [TRAIN, f"{TRAIN}.gz"])
def test_nothing_is_downloaded_into_a_fifo(tmp_path, mirror, name):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    os.mkfifo(raw / name)
    assert one_line_error(small_mnist(tmp_path / "data", download=True).prepare_data).startswith(
        f"{raw / name}: is a FIFO"
    )


def test_a_server_of_mnist_that_says_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setattr(mnist, "STALL_TIMEOUT", 0.2)
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        message = one_line_error(small_mnist(tmp_path / "data", download=True).prepare_data)
    assert "timed out" in message
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize("download", [False, True])
def test_nothing_is_downloaded_unless_asked_for_and_missing(tmp_path, mirror, download):
    if download:
        pack(TRAIN)(write_mnist(tmp_path / "data"))  # the compressed file is as good as the file
    before = sorted(tmp_path.rglob("*"))
    small_mnist(tmp_path / "data", download=download).prepare_data()
    assert sorted(tmp_path.rglob("*")) == before
