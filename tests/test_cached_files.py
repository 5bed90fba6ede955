"""Files of what can be computed again: whole or not at all, never trusted when damaged; regular files only."""

import os
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch.testing import assert_close

from callbacks.scoring.feature_cache import FeatureFile
from zoo.files import cached_files
from zoo.files.cached_files import check_file, read_checked, write_checked
from zoo.files.regular_files import open_regular
from zoo.scores.classifier import Scored
from zoo.scores.scorers import load_scorer

# -- files with a checksum --


def test_parts_come_back_as_one_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "x"
    write_checked(path, [b"ab", b"", b"cd"])
    assert bytes(read_checked(path, 100)) == b"abcd"
    check_file(path)
    assert [file.name for file in path.parent.iterdir()] == ["x"]


@pytest.mark.parametrize("size", [0, 1, 30])
@pytest.mark.parametrize("part", [1, 7, 1000])
def test_every_changed_bit_and_every_cut_is_seen_whatever_the_size_of_the_parts(size, part, tmp_path, monkeypatch):
    monkeypatch.setattr(cached_files, "PART_BYTES", part)
    path = tmp_path / "x"
    write_checked(path, [os.urandom(size)])
    check_file(path)
    good = path.read_bytes()
    changed = [good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :] for i in range(len(good))]
    cuts = [good[:i] for i in range(len(good)) if good[:i] != b"\0\0\0\0"]
    for bad in (*changed, *cuts, good + b"x"):
        path.write_bytes(bad)
        for read in (partial(read_checked, most=100), check_file):
            with pytest.raises(ValueError, match="checksum"):
                read(path)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    def parts():
        yield b"half"
        raise RuntimeError("no more")

    path = tmp_path / "x"
    write_checked(path, [b"old"])
    with pytest.raises(RuntimeError, match="no more"):
        write_checked(path, parts())
    assert bytes(read_checked(path, 100)) == b"old"
    assert os.listdir(tmp_path) == ["x"]


LEAVE = """
import os, sys
from pathlib import Path
from zoo.files.whole_files import whole_file
with whole_file(Path("x")) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read() or os._exit(9)
"""


def test_what_killed_processes_left_goes_and_what_is_being_written_stays(tmp_path):
    root = str(Path(__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": root}
    writer = subprocess.Popen(
        [sys.executable, "-c", LEAVE], cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout.readline() == b"writing\n"
    (tmp_path / ".y.22222222.part").touch()
    write_checked(tmp_path / "x", [b""])
    assert len(list(tmp_path.glob(".x.*.part"))) == 1, "its writer lives"
    writer.communicate()
    write_checked(tmp_path / "x", [b""])
    assert sorted(os.listdir(tmp_path)) == [".y.22222222.part", "x"]


def test_a_file_that_is_larger_than_it_can_be_is_not_read(tmp_path):
    write_checked(tmp_path / "x", [b"12345"])
    assert bytes(read_checked(tmp_path / "x", 5)) == b"12345"
    with pytest.raises(ValueError, match="too many"):
        read_checked(tmp_path / "x", 4)


# -- regular files only --


def no_regular_files(folder):
    """Paths of everything that has a name but no end, and what each is called."""
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to("fifo")
    (folder / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
    yield from (("fifo", "FIFO"), ("link", "FIFO"), ("folder", "folder"), ("socket", "socket"))
    (folder / "zero").symlink_to("/dev/zero")
    yield "zero", "device"


def test_only_regular_files_are_opened_and_nothing_waits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    for name, kind in no_regular_files(tmp_path):
        with pytest.raises(OSError, match=f"is a {kind}, not a regular file"):
            open_regular(tmp_path / name)
    (tmp_path / "real").write_bytes(b"abc")
    (tmp_path / "to_real").symlink_to("real")
    with open_regular(tmp_path / "to_real") as file:
        assert file.read() == b"abc"
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_a_fifo_that_takes_the_files_place_is_not_waited_for_either(tmp_path, monkeypatch):
    (tmp_path / "real").touch()
    regular = os.stat(tmp_path / "real")
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(os, "stat", lambda *_: regular)
    timer = threading.Timer(5, lambda: os.open(tmp_path / "fifo", os.O_WRONLY))  # lets a reader that waits go on
    timer.start()
    with pytest.raises(OSError, match="FIFO"):
        open_regular(tmp_path / "fifo")
    timer.cancel()


# -- the scorer's features --


@pytest.fixture
def features(tmp_path, monkeypatch):
    """Return what computes features of four images, as a new run does, and those that were cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scorer = load_scorer("digits")
    split = torch.randint(0, 255, (4, 1, 8, 8), dtype=torch.uint8)
    said = Scored(torch.rand(4, scorer.num_features), torch.rand(4, scorer.num_classes))

    def make(images=split, share=(0, 1, 4, 4), scorer=scorer):
        return FeatureFile(images, scorer, share)

    first = make()
    first.add(0, said)
    first.save()
    return make, said, first.path


def test_features_are_for_these_images_this_scorer_and_these_batches_alone(features):
    make, said, path = features
    assert_close(tuple(make().get(0, 4)), tuple(said), rtol=0, atol=0)
    assert make().get(1, 4) is None
    assert make().get(0, 3) is None
    other = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    assert make(images=other).get(0, 4) is None
    assert make(share=(0, 2, 4, 4)).get(0, 4) is None
    scorer = load_scorer("digits")
    next(scorer.parameters()).data.add_(1)
    assert make(scorer=scorer).path != path


def wrong_features(said):
    """What a file might hold in the place of what was said, with the right checksum."""
    features, logits = said
    yield "float64", {"features.0": features.double(), "logits.0": logits}
    yield "other width", {"features.0": features[:, 1:].contiguous(), "logits.0": logits}
    yield "three-dimensional", {"features.0": features[:, :, None].contiguous(), "logits.0": logits}
    yield "exchanged", {"features.0": logits, "logits.0": features}
    yield "another name", {"else.0": features, "logits.0": logits}


def test_damaged_features_are_asked_for_anew_with_a_line(features, caplog):
    make, said, path = features
    good = path.read_bytes()
    bad = {"cut": good[:-9], "zeros": good[:500] + bytes(300) + good[800:], "empty": b"", "text": b"hello, world"}
    for name, content in bad.items():
        path.write_bytes(content)
        check_asked(name, make, caplog)
    for name, content in wrong_features(said):
        write_checked(path, [save(content)])
        check_asked(name, make, caplog)
    write_checked(path, [b"no safetensors"])
    check_asked("no safetensors", make, caplog)
    path.unlink()
    os.mkfifo(path)
    check_asked("FIFO", make, caplog)
    again = make()
    again.add(0, said)
    again.save()
    assert path.read_bytes() == good


def test_features_for_single_images_fit_into_what_is_read(features):
    make, said, _ = features
    first = make(share=(0, 1, 1, 4))
    for number in range(4):
        first.add(number, Scored(*(part[number : number + 1] for part in said)))
    first.save()
    assert make(share=(0, 1, 1, 4)).get(3, 1) is not None


def check_asked(name, make, caplog):
    caplog.clear()
    with caplog.at_level("WARNING", logger="lightning.pytorch.ganzoo"):
        assert make().get(0, 4) is None, name
    (message,) = (record.getMessage() for record in caplog.records)
    assert "the scorer is asked again" in message, name
    assert "\n" not in message, name
