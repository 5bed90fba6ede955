"""Latents from files: what `ganzoo project` found makes the same image again, and a file is data."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import cli
import zoo
from commands import moving_pictures
from helpers.bundles import lively, sampler_of, still_sampler, write
from helpers.command_line import error
from helpers.hostile import fifo
from helpers.models import MARKS, every_model
from helpers.runs import pixels
from zoo.engine.errors import CheckpointError
from zoo.hub import latents, samplers, showing, sources
from zoo.hub.latents import Given, LatentSampler, read_latents
from zoo.hub.paths import SeedPath, keys_of
from zoo.hub.projection import Projection

pytestmark = MARKS


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """In the pictures, which are not what is tested."""
    monkeypatch.setattr(showing, "COLUMNS", 2)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A conditional bundle of three labels in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write(lively(zoo.ACGAN), tmp_path / "own")


@every_model
def test_a_latent_that_was_found_makes_the_image_that_was_found(cls):
    sampler = sampler_of(lively(cls))
    target = still_sampler(cls).make(9).image
    search = Projection(sampler, target, seeds=range(3), starts=1)
    for _ in search.run(3):
        pass
    _, start, noise = search.best
    label = search.label_of(start)
    again = LatentSampler(sampler, Given(torch.cat([noise.flip(1), noise]), [label, label]))
    assert torch.equal(again.make(1).image, search.image())
    assert again.make(1).label == label
    way = SeedPath(again, keys_of(range(2), None))
    assert torch.equal(way.at(0, 1.0), search.image())
    assert torch.equal(way.at(0, 0.0), again.make(0).image)
    assert not torch.equal(way.at(0, 0.5), search.image())


def project(name, seed, *argv):
    """Project the image of a seed into a folder."""
    cli.main(["sample", "own", f"--seeds={seed}", "--labels=1", f"--out={name}"])
    picture = f"{name}/seed{seed:04}_label1.png"
    cli.main(["project", "own", picture, "--steps=3", "--seeds=0-7", "--starts=1", f"--out={name}", *argv])
    return Path(name)


def test_two_projected_pictures_are_ends_of_a_way(own, capsys):
    one, other = project("one", 1), project("other", 2, "--label=2")
    files = [str(folder / "latent.npy") for folder in (one, other)]
    cli.main(["sample", "own", "--out=out", "--latents", *files])
    label = json.loads((one / "projection.json").read_text())["label"]
    for name, folder in ((f"latent0000_label{label}.png", one), ("latent0001_label2.png", other)):
        assert (Path("out") / name).read_bytes() == (folder / "image.png").read_bytes()
    cli.main(["sample", "own", "--out=asked", "--grid", "--labels=0,1", "--latents", *files])
    assert sorted(path.name for path in Path("asked").iterdir()) == ["grid.png"] + [
        f"latent000{number}_label{label}.png" for number in (0, 1) for label in (0, 1)
    ]
    cli.main(["interpolate", "own", "--steps=4", "--out=way.png", "--latents", *files])
    sampler = samplers.seed_sampler(sources.read(own))
    way = SeedPath(LatentSampler(sampler, read_latents([Path(file) for file in files])), keys_of(range(2), None))
    strip = moving_pictures.strip([way.at(0, step / 3) for step in range(4)], 4)
    assert np.array_equal(pixels("way.png"), np.asarray(strip))


@pytest.mark.parametrize("shape", [(5,), (2, 5)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_numbers_come_as_numpy_wrote_them(shape, dtype, tmp_path):
    numbers = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    np.save(tmp_path / "a.npy", numbers)
    np.save(tmp_path / "b.npy", np.asfortranarray(numbers))
    given = read_latents([tmp_path / "a.npy", tmp_path / "b.npy"])
    wanted = torch.from_numpy(np.atleast_2d(numbers).astype(np.float32))
    assert torch.equal(given.noise, torch.cat([wanted, wanted]))
    assert given.labels == [None] * 2 * len(wanted)


def npy(array, **options):
    np.save(buffer := io.BytesIO(), np.asarray(array), **options)
    return buffer.getvalue()


def claiming(shape):
    """A file of four bytes that claims to hold more."""
    header = str({"descr": "<f4", "fortran_order": False, "shape": shape}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"1234"


BROKEN = {
    "text": (b"x" * 100, "is no file of numpy"),
    "nothing": (b"", "is no file of numpy"),
    "pickled": (npy([{}], allow_pickle=True), "latents are floating numbers"),
    "whole numbers": (npy([1, 2]), "latents are floating numbers"),
    "complex numbers": (npy([1j]), "latents are floating numbers"),
    "one number": (npy(1.0), "latents are floating numbers"),
    "pictures": (npy(np.zeros((1, 2, 3))), "latents are floating numbers"),
    "none at all": (npy(np.zeros((0, 3))), "says"),
    "too few bytes": (npy(np.zeros(9))[:-1], "says"),
    "a terabyte": (claiming((2**38,)), "says"),
    "less than nothing": (claiming((-1,)), "says|no file of numpy"),
    "not a number": (npy([np.nan]), "not finite"),
    "beyond float32": (npy([1e300]), "not finite"),
    "version 9": (b"\x93NUMPY\x09\x00" + b"x" * 100, "is no file of numpy"),
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_holds_no_latents_is_refused(name, tmp_path):
    content, message = BROKEN[name]
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        read_latents([tmp_path / "a.npy"])
    assert "a.npy" in str(error.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"label": "3"}', b'{"label": -1}', b'{"label": true}'])
def test_a_label_beside_a_file_is_data(content, tmp_path):
    np.save(tmp_path / "latent.npy", np.zeros(3))
    (tmp_path / "projection.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"projection\.json"):
        read_latents([tmp_path / "latent.npy"])


def test_files_that_are_none_or_too_large_are_refused(tmp_path, monkeypatch):
    fifo(tmp_path / "pipe.npy")
    np.save(tmp_path / "a.npy", np.zeros(3))
    np.save(tmp_path / "b.npy", np.zeros(4))
    with pytest.raises(CheckpointError, match="FIFO"):
        read_latents([tmp_path / "pipe.npy"])
    with pytest.raises(CheckpointError, match=r"latents of 4 numbers, and .*a.npy of 3"):
        read_latents([tmp_path / "a.npy", tmp_path / "b.npy"])
    monkeypatch.setattr(latents, "MOST", 100)
    with pytest.raises(CheckpointError, match="more than 100 bytes"):
        read_latents([tmp_path / "a.npy"])


def test_what_cannot_be_meant_is_one_line(own, capsys):
    dim = sampler_of(lively(zoo.ACGAN)).sampler.prior.dim
    np.save("fits.npy", np.zeros(dim))
    np.save("other.npy", np.zeros(dim + 1))
    for argv, status, cause in (
        (["--latents", "other.npy"], 2, f"latents of {dim + 1} numbers, and this model's have {dim}"),
        (["--latents", "fits.npy"], 2, "--labels: these latents have none, and the model has labels 0 .. 2"),
        (["--latents", "fits.npy", "--labels=3"], 2, "labels are in 0 .. 2"),
        (["--latents", "fits.npy", "--labels=1", "--truncation=0.5"], 2, "--truncation is of latents that are drawn"),
        (["--latents", "fits.npy", "--seeds=1"], 2, "not allowed with"),
        (["--latents", "gone.npy"], 1, "gone.npy: No such file"),
    ):
        found, line = error(capsys, "sample", "own", *argv, "--out=out")
        assert found == status
        assert cause in line
    assert not Path("out").exists()
    Path("projection.json").write_text('{"label": 7}')
    assert "labels are in 0 .. 2, got 7" in error(capsys, "sample", "own", "--latents", "fits.npy", "--out=out")[1]
    line = error(capsys, "interpolate", "own", "--latents", "fits.npy", "--out=way.png")[1]
    assert "a way needs two ends" in line
