"""Flower photographs: what is read and refused, downloads and archives that may be hostile, the cache on disk."""

import gzip
import hashlib
import io
import logging
import os
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules import DataError, FlowersDataModule, ImageDataModule, archive, cache, flowers
from datamodules.flowers import CLASSES

# -- tiny data --


def jpeg(colour, size=(20, 12)):
    """The bytes of a JPEG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def write_flowers(data_dir, count=6):
    """`count` photographs of each class; the red of class c is 40 c."""
    for label, name in enumerate(CLASSES):
        folder = data_dir / "flower_photos" / name
        folder.mkdir(parents=True)
        for i in range(count):
            (folder / f"{i}_photo.jpg").write_bytes(jpeg((40 * label, 10 * i, 200)))
    (data_dir / "flower_photos" / "LICENSE.txt").write_text("CC-BY")
    return data_dir / "flower_photos"


def module(data_dir, **kwargs):
    return FlowersDataModule(data_dir=str(data_dir), **{"image_size": 8, "val_share": 0.2, "test_share": 0.1} | kwargs)


def one_line_error(call):
    """The DataError of `call()`, which must be one line."""
    with pytest.raises(DataError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees, or leaves anything in, the real ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg"


@pytest.fixture
def messages(caplog):
    """What Lightning's loggers say, joined; they may not propagate to pytest's own handler."""
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    yield lambda: "\n".join(record.getMessage() for record in caplog.records)
    logger.removeHandler(caplog.handler)


# -- what is read --


def test_five_classes_in_the_promised_shape_and_shares(tmp_path):
    write_flowers(tmp_path)
    data = module(tmp_path)
    assert data.num_classes == 5
    assert data.image_shape == (3, 8, 8)
    data.prepare_data()
    data.setup()
    assert {name: len(split.labels) for name, split in data.splits.items()} == {"train": 21, "val": 6, "test": 3}
    images = torch.cat([split.images for split in data.splits.values()])
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert images.dtype == torch.uint8
    assert labels.bincount().tolist() == [6] * 5
    assert (images[:, 0, 4, 4].float() - 40 * labels).abs().max() < 6  # JPEG is not exact
    assert data.classes == list(CLASSES)


def test_it_is_an_image_data_module_for_64_pixels_that_flips_and_stretches():
    data = FlowersDataModule()
    assert isinstance(data, ImageDataModule)
    assert (data.image_shape, data.flip, data.resize, data.scorer) == ((3, 64, 64), True, "stretch", "flowers")


def test_the_same_photographs_are_held_out_whatever_the_seed(tmp_path, monkeypatch):
    write_flowers(tmp_path)
    first = module(tmp_path).load()
    monkeypatch.setenv("PL_GLOBAL_SEED", "99")
    torch.manual_seed(99)
    second = module(tmp_path).load()
    assert all(torch.equal(first[name].images, second[name].images) for name in first)


def test_only_jpeg_files_that_are_not_hidden_are_read(tmp_path):
    folder = write_flowers(tmp_path, 2)
    (folder / "daisy" / "notes.txt").write_text("x")
    (folder / "daisy" / "._0_photo.jpg").write_bytes(b"left by another system")
    (folder / "daisy" / "UPPER.JPG").write_bytes(jpeg((0, 0, 0)))
    assert torch.tensor(module(tmp_path).listing.labels).bincount().tolist() == [3, 2, 2, 2, 2]


def test_crop_and_stretch_differ(tmp_path):
    folder = write_flowers(tmp_path)
    wide = Image.fromarray(np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 3, 2).repeat(20, 0))
    wide.save(folder / "roses" / "0_photo.jpg")
    kinds = [torch.cat([split.images for split in module(tmp_path, resize=kind).load().values()]).sum(0) for kind in
             ("stretch", "crop")]  # fmt: skip
    assert not torch.equal(*kinds)


@pytest.mark.parametrize("kwargs", [{"image_size": 0}, {"resize": "squash"}, {"val_share": 1.0}, {"batch_size": 0}])
def test_bad_arguments_are_named_at_once(tmp_path, kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        module(tmp_path, **kwargs)


# -- what is refused --


def remove_class(folder):
    for file in (folder / "roses").iterdir():
        file.unlink()
    (folder / "roses").rmdir()


def empty_class(folder):
    for file in (folder / "tulips").iterdir():
        file.unlink()


def truncated(folder):
    rough = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    rough.save(folder / "daisy" / "3_photo.jpg")
    content = (folder / "daisy" / "3_photo.jpg").read_bytes()
    (folder / "daisy" / "3_photo.jpg").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("spoil", "named", "problem"),
    [
        (remove_class, "flower_photos/roses: No such file", "all of daisy, dandelion"),
        (empty_class, "flower_photos/tulips: ", "without photographs"),
        (truncated, "daisy/3_photo.jpg: ", "truncated"),
        (lambda f: (f / "roses/1_photo.jpg").write_bytes(b"<html>"), "roses/1_photo.jpg: ", "cannot be read"),
        (lambda f: (f / "roses/1_photo.jpg").write_bytes(b""), "roses/1_photo.jpg: ", "cannot be read"),
        (lambda f: (f / "roses/9_photo.jpg").symlink_to("nowhere"), "roses/9_photo.jpg: ", "No such file"),
        (lambda f: (f / "roses/9_photo.jpg").mkdir(), "roses/9_photo.jpg: ", "cannot be read"),
        (lambda f: f.rename(f.with_name("flowers")), "flower_photos/daisy: ", "rename it to flower_photos"),
    ],
    ids=["missing class", "empty class", "truncated", "garbage", "0 bytes", "dead link", "folder", "other name"],
)
def test_what_is_wrong_is_named_with_its_path(tmp_path, spoil, named, problem):
    spoil(write_flowers(tmp_path))
    message = one_line_error(module(tmp_path).setup)
    assert named in message
    assert problem in message
    assert list(tmp_path.rglob("*.npy")) == []  # nothing half-read is kept


@pytest.mark.parametrize(
    ("wrong", "right"),
    [(".", "a"), ("a/flower_photos", "a"), ("b", "b/flower_photos")],
    ids=["one level too high", "too low", "nested twice"],
)
def test_a_data_folder_one_level_off_is_answered_with_the_right_one(tmp_path, wrong, right):
    write_flowers(tmp_path / right)
    message = one_line_error(module(tmp_path / wrong).setup)
    assert f"set --data.init_args.data_dir={tmp_path / right}" in message


def test_without_any_data_the_message_says_how_to_get_it(tmp_path):
    message = one_line_error(module(tmp_path / "nowhere").setup)
    assert "download=true" in message
    assert flowers.URLS[0] in message


# -- archives --


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


# -- downloads --


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *args):  # noqa: D102
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A packed data set on a local server, which is the one that is looked for."""
    folder = tmp_path / "mirror"
    packed = expect(monkeypatch, pack(folder / "flower_photos.tgz", good_members(4)))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(flowers, "URLS", (f"{url}/missing.tgz", f"{url}/flower_photos.tgz"))
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield packed
        server.shutdown()


def test_a_download_lands_where_it_is_read(tmp_path, mirror):
    data = module(tmp_path / "data", download=True)
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
    message = one_line_error(module(tmp_path / "data", download=True).prepare_data)
    assert problem in message
    assert flowers.URLS[0] in message
    assert list((tmp_path / "data").iterdir()) == []


def test_a_trickle_is_given_up(tmp_path, mirror, monkeypatch):
    monkeypatch.setattr(archive, "TOTAL_TIMEOUT", -1.0)
    message = one_line_error(module(tmp_path / "data", download=True).prepare_data)
    assert "TimeoutError" in message
    assert list((tmp_path / "data").iterdir()) == []


def test_a_server_that_says_nothing_is_given_up(tmp_path, mirror, monkeypatch):
    import socket

    monkeypatch.setattr(archive, "STALL_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(flowers, "URLS", (f"http://127.0.0.1:{silent.getsockname()[1]}/x.tgz",))
        assert "timed out" in one_line_error(module(tmp_path / "data", download=True).prepare_data)


def test_an_archive_that_is_there_is_checked_and_unpacked_without_the_net(tmp_path, monkeypatch):
    monkeypatch.setattr(flowers, "URLS", ())
    packed = expect(monkeypatch, pack(tmp_path / "flower_photos.tgz", good_members(4)))
    data = module(tmp_path, download=True)
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
    module(tmp_path, download=download).prepare_data()
    assert not list(tmp_path.glob("*.tgz"))


def test_a_hostile_archive_that_is_there_is_refused_too(tmp_path, monkeypatch):
    expect(monkeypatch, pack(tmp_path / "flower_photos.tgz", [HOSTILE["symlink"]]))
    assert "link" in one_line_error(module(tmp_path, download=True).prepare_data)
    assert [path.name for path in tmp_path.iterdir()] == ["flower_photos.tgz"]


# -- the cache --


@pytest.fixture
def decoded(monkeypatch):
    """How many files each call of the decoder got."""
    calls, original = [], FlowersDataModule.__mro__[1].read
    monkeypatch.setattr(
        FlowersDataModule.__mro__[1], "read", lambda self, files: calls.append(len(files)) or original(self, files)
    )
    return calls


def all_images(data_dir, **kwargs):
    return torch.cat([split.images for split in module(data_dir, **kwargs).load().values()])


def caches(folder):
    return sorted(folder.rglob("*.npy"))


def test_a_second_run_decodes_nothing_and_gets_the_same(tmp_path, decoded, messages):
    write_flowers(tmp_path)
    first, second = all_images(tmp_path), all_images(tmp_path)
    assert decoded == [30]
    assert torch.equal(first, second)
    (path,) = caches(tmp_path)
    assert path.parent == tmp_path / ".ganzoo-cache"
    assert f"kept in {path}" in messages()
    assert f"read from {path}" in messages()
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing partial is left
    second.zero_()  # it is memory of our own, writable
    assert np.load(path, allow_pickle=False).shape == (30, 3, 8, 8)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "daisy/0_photo.jpg").write_bytes(jpeg((255, 255, 255), (30, 30))),
        lambda folder: os.utime(folder / "daisy/0_photo.jpg", ns=(1, 1)),
        lambda folder: (folder / "daisy/0_photo.jpg").unlink(),
        lambda folder: (folder / "daisy/0_photo.jpg").rename(folder / "daisy/00_photo.jpg"),
        lambda folder: (folder / "daisy/9_photo.jpg").write_bytes(jpeg((1, 2, 3))),
        lambda folder: (folder / "daisy/0_photo.jpg").rename(folder / "roses/x.jpg"),
    ],
    ids=["size", "time", "removed", "renamed", "added", "other class"],
)
def test_changed_files_are_decoded_anew(tmp_path, decoded, change):
    folder = write_flowers(tmp_path)
    all_images(tmp_path)
    change(folder)
    all_images(tmp_path)
    assert len(decoded) == 2


@pytest.mark.parametrize("kwargs", [{"image_size": 9}, {"resize": "crop"}])
def test_other_settings_have_a_cache_of_their_own(tmp_path, decoded, kwargs):
    write_flowers(tmp_path)
    all_images(tmp_path)
    all_images(tmp_path, **kwargs)
    all_images(tmp_path)
    all_images(tmp_path, **kwargs)
    assert len(decoded) == 2


def with_checksum(content):
    import zlib

    return content + zlib.crc32(content).to_bytes(4, "little")


def npy(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return with_checksum(file.getvalue())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:3],
        lambda content: b"",
        lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
        lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
        lambda content: with_checksum(b"no array"),
        lambda content: npy(np.zeros((29, 3, 8, 8), np.uint8)),
        lambda content: npy(np.zeros((30, 3, 8, 8), np.int8)),
        lambda content: npy(np.array([{}], dtype=object), allow_pickle=True),
    ],
    ids=["a byte short", "half", "3 bytes", "empty", "a bit", "header", "no array", "shape", "type", "pickle"],
)
def test_a_damaged_cache_is_made_anew_not_trusted(tmp_path, decoded, messages, spoil):
    write_flowers(tmp_path)
    first = all_images(tmp_path)
    (path,) = caches(tmp_path)
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert torch.equal(all_images(tmp_path), first)
    assert len(decoded) == 2
    assert f"{path} is not used" in messages()
    assert path.read_bytes() == good


def test_a_read_only_data_folder_is_left_alone(tmp_path, home, decoded):
    folder = tmp_path / "data"
    write_flowers(folder)
    folder.chmod(0o555)  # root could write there nevertheless
    try:
        first, second = all_images(folder), all_images(folder)
    finally:
        folder.chmod(0o755)
    assert torch.equal(first, second)
    assert decoded == [30]
    assert not (folder / ".ganzoo-cache").exists()
    assert [path.parent for path in caches(tmp_path)] == [home / "ganzoo"]


def test_where_no_cache_can_be_written_everything_still_works(tmp_path, home, decoded, messages):
    write_flowers(tmp_path)
    (tmp_path / ".ganzoo-cache").write_text("a file is in the way")
    home.write_text("and another")
    assert torch.equal(all_images(tmp_path), all_images(tmp_path))
    assert len(decoded) == 2
    assert "not kept" in messages()


@pytest.mark.parametrize(("value", "expected"), [("", "{home}/.cache/ganzoo"), ("/caches", "/caches/ganzoo")])
def test_the_second_folder_follows_the_xdg_standard(tmp_path, monkeypatch, value, expected):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    folders = cache.cache_folders(Path("data"))
    assert folders == [Path("data/.ganzoo-cache"), Path(expected.format(home=tmp_path))]


def test_a_relative_xdg_folder_is_ignored_as_the_standard_asks(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.cache_folders(Path("data")) == [Path("data/.ganzoo-cache")]


# -- real photographs --


@pytest.fixture
def real_flowers(tmp_path):
    """A data folder whose flower_photos is the real one: caches are written beside the link, not beside the data."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GANZOO_DATA") or beside) / "flower_photos"
    if not folder.is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    (tmp_path / "flower_photos").symlink_to(folder.absolute())
    return tmp_path


@pytest.mark.data
def test_real_photographs_the_second_time_from_the_cache(real_flowers, decoded):
    data = FlowersDataModule(data_dir=str(real_flowers))
    data.setup()
    again = FlowersDataModule(data_dir=str(real_flowers))
    again.setup()
    assert decoded == [4317]
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert labels.bincount().tolist() == [764, 1052, 784, 733, 984]
    for name, count in {"train": 3453, "val": 432, "test": 432}.items():
        assert data.splits[name].images.shape == (count, 3, 64, 64)
        assert torch.equal(data.splits[name].images, again.splits[name].images)
    assert 60 < data.splits["train"].images.float().mean() < 180
    spread = data.splits["val"].images.float().std(dim=(1, 2, 3))
    assert spread.min() > 5  # no photograph is one colour
