"""Archives that may be hostile, and their downloads."""

import gzip
import hashlib
import io
import tarfile

import pytest

from datamodules import archive, flowers
from datamodules.flowers import CLASSES
from helpers.data import jpeg, one_line_error, served, small_flowers, write_flowers


def pack(path, members):
    """A .tgz of (TarInfo, contents) pairs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as file:
        for info, content in members:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def member(name, kind=tarfile.REGTYPE, link="", mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def good_members(count=2):
    folders = [(member(f"flower_photos/{name}", tarfile.DIRTYPE, mode=0o755), b"") for name in CLASSES]
    files = [(member(f"flower_photos/{name}/{i}.jpg"), jpeg((i, 0, 0))) for name in CLASSES for i in range(count)]
    return [*folders, *files, (member("flower_photos/LICENSE.txt"), b"CC-BY")]


def expect(monkeypatch, path):
    """Makes the file the one that is looked for."""
    monkeypatch.setattr(flowers, "SIZE", path.stat().st_size)
    monkeypatch.setattr(flowers, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_a_good_archive_is_unpacked_whole_with_plain_permissions(tmp_path):
    members = [*good_members(), (member("flower_photos/odd.sh", mode=0o7777), b"x")]
    archive.unpack(pack(tmp_path / "x.tgz", members), tmp_path / "data" / "flower_photos")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["flower_photos"]
    assert len(list((tmp_path / "data").rglob("*.jpg"))) == 10
    assert (tmp_path / "data/flower_photos/odd.sh").stat().st_mode & 0o7111 == 0
    assert (tmp_path / "data/flower_photos/daisy/1.jpg").read_bytes() == jpeg((1, 0, 0))


HOSTILE = {
    "dots": (member("flower_photos/../../evil"), b"x"),
    "dots at the end": (member("flower_photos/daisy/..", tarfile.DIRTYPE), b""),
    "dots with backslashes": (member("flower_photos\\..\\..\\evil"), b"x"),
    "absolute": (member("{tmp}/evil"), b"x"),
    "absolute folder": (member("{tmp}/evil", tarfile.DIRTYPE), b""),
    "drive": (member("C:evil"), b"x"),
    "symlink": (member("flower_photos/daisy/evil.jpg", tarfile.SYMTYPE, "/etc/passwd"), b""),
    "symlink within": (member("flower_photos/daisy/evil.jpg", tarfile.SYMTYPE, "0.jpg"), b""),
    "hard link": (member("flower_photos/daisy/evil.jpg", tarfile.LNKTYPE, "flower_photos/daisy/0.jpg"), b""),
    "character device": (member("flower_photos/evil", tarfile.CHRTYPE), b""),
    "block device": (member("flower_photos/evil", tarfile.BLKTYPE), b""),
    "fifo": (member("flower_photos/evil", tarfile.FIFOTYPE), b""),
    "new line": (member("flower_photos/../ev\nil"), b"x"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_member_is_named_and_nothing_is_left(tmp_path, hostile):
    info, content = hostile
    info = info.replace(name=info.name.replace("{tmp}", str(tmp_path)), deep=False)
    packed = pack(tmp_path / "x.tgz", [*good_members(), (info, content), *good_members(1)[5:6]])
    message = one_line_error(lambda: archive.unpack(packed, tmp_path / "data" / "flower_photos"))
    assert repr(info.name) in message
    assert str(packed) in message
    assert list((tmp_path / "data").iterdir()) == []
    assert list(tmp_path.rglob("*evil*")) == []


def test_a_file_behind_a_link_out_of_the_folder_is_not_written(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = (member("flower_photos/daisy", tarfile.SYMTYPE, str(outside)), b"")
    packed = pack(tmp_path / "x.tgz", [link, (member("flower_photos/daisy/evil.jpg"), b"x")])
    one_line_error(lambda: archive.unpack(packed, tmp_path / "data" / "flower_photos"))
    assert list(outside.iterdir()) == []


def cut(content):
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "spoil",
    [
        cut,
        lambda content: gzip.compress(cut(gzip.decompress(content))[:-100]),
        lambda content: content[:200] + bytes(50) + content[250:],
        lambda content: b"<html>not found</html>",
        lambda content: b"",
    ],
    ids=["truncated", "truncated inside", "damaged", "no archive", "empty"],
)
def test_a_damaged_archive_is_named_and_nothing_is_left(tmp_path, spoil):
    packed = pack(tmp_path / "x.tgz", good_members(20))
    packed.write_bytes(spoil(packed.read_bytes()))
    message = one_line_error(lambda: archive.unpack(packed, tmp_path / "data" / "flower_photos"))
    assert message.startswith(f"{packed}: ")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize(
    "members",
    [
        [(member("elsewhere/daisy/0.jpg"), b"x")],
        [(member("flower_photos"), b"x")],
        [*good_members(), (member("flower_photos/daisy/0.jpg"), b"again")],
        [*good_members(), (member("flower_photos/daisy/0.jpg/below"), b"a file")],
    ],
    ids=["other folder", "a file of that name", "twice", "below a file"],
)
def test_an_archive_of_something_else_is_refused(tmp_path, members):
    packed = pack(tmp_path / "x.tgz", members)
    assert str(packed) in one_line_error(lambda: archive.unpack(packed, tmp_path / "data" / "flower_photos"))
    assert list((tmp_path / "data").iterdir()) == []


def test_of_two_processes_that_unpack_the_second_leaves_the_firsts_folder(tmp_path):
    packed = pack(tmp_path / "x.tgz", good_members())
    archive.unpack(packed, tmp_path / "flower_photos")
    (tmp_path / "flower_photos" / "first").touch()
    archive.unpack(packed, tmp_path / "flower_photos")
    assert (tmp_path / "flower_photos" / "first").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flower_photos", "x.tgz"]


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A packed data set on a local server, which is the one that is looked for."""
    folder = tmp_path / "mirror"
    packed = expect(monkeypatch, pack(folder / "flower_photos.tgz", good_members(4)))
    with served(folder) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(flowers, "URLS", (f"{url}/missing.tgz", f"{url}/flower_photos.tgz"))
        yield packed


def test_a_download_lands_where_it_is_read(tmp_path, mirror):
    data = small_flowers(tmp_path / "data", download=True)
    data.prepare_data()
    data.setup()
    assert len(data.splits["train"].images) == 14
    data.prepare_data()  # the second time there is nothing to do
    names = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert names == [".ganzoo-cache", "flower_photos", "flower_photos.tgz"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda content: content[:-1], "bytes, not"),
        (lambda content: content + b"x", "bytes, not"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "sha256 is"),
        (lambda content: None, "404"),
    ],
    ids=["truncated", "over-long", "wrong sha256", "missing"],
)
def test_a_wrong_download_is_told_and_leaves_nothing(tmp_path, mirror, spoil, problem):
    content = spoil(mirror.read_bytes())
    mirror.unlink() if content is None else mirror.write_bytes(content)
    message = one_line_error(small_flowers(tmp_path / "data", download=True).prepare_data)
    assert problem in message
    assert flowers.URLS[0] in message
    assert list((tmp_path / "data").iterdir()) == []


def test_a_trickle_is_given_up(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(archive, "TOTAL_TIMEOUT", -1.0)
    message = one_line_error(small_flowers(tmp_path / "data", download=True).prepare_data)
    assert "TimeoutError" in message
    assert list((tmp_path / "data").iterdir()) == []


def test_a_server_that_says_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    import socket

    monkeypatch.setattr(archive, "STALL_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(flowers, "URLS", (f"http://127.0.0.1:{silent.getsockname()[1]}/x.tgz",))
        assert "timed out" in one_line_error(small_flowers(tmp_path / "data", download=True).prepare_data)


def test_an_archive_that_is_there_is_checked_and_unpacked_without_the_net(tmp_path, monkeypatch):
    monkeypatch.setattr(flowers, "URLS", ())
    packed = expect(monkeypatch, pack(tmp_path / "flower_photos.tgz", good_members(4)))
    data = small_flowers(tmp_path, download=True)
    data.prepare_data()
    data.setup()
    assert packed.exists()
    monkeypatch.setattr(flowers, "SHA256", "0" * 64)
    (tmp_path / "flower_photos").rename(tmp_path / "aside")
    message = one_line_error(data.prepare_data)
    assert message.startswith(f"{packed}: sha256 is")
    assert packed.exists()  # it is somebody's file
    assert not (tmp_path / "flower_photos").exists()


@pytest.mark.parametrize("download", [False, True])
def test_nothing_is_downloaded_unless_asked_for_and_missing(tmp_path, monkeypatch, download):
    monkeypatch.setattr(flowers, "fetch", lambda *_: pytest.fail("downloads"))
    if download:
        write_flowers(tmp_path)
    small_flowers(tmp_path, download=download).prepare_data()
    assert not list(tmp_path.glob("*.tgz"))


def test_a_hostile_archive_that_is_there_is_refused_too(tmp_path, monkeypatch):
    expect(monkeypatch, pack(tmp_path / "flower_photos.tgz", [HOSTILE["symlink"]]))
    assert "link" in one_line_error(small_flowers(tmp_path, download=True).prepare_data)
    assert [path.name for path in tmp_path.iterdir()] == ["flower_photos.tgz"]
