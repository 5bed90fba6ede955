"""Folders larger than memory: their images come from a file, the same, and are decoded once."""

import os

import pytest
import torch

from callbacks import Scores
from datamodules import FlowersDataModule, FolderDataModule, folder, room, stored
from datamodules.stored import StoredImages
from helpers.data import noise, one_line_error, small_flowers, write_flowers, write_images
from helpers.runs import fit, trainer
from helpers.stored import caches, load
from zoo import GAN

pytestmark = pytest.mark.usefixtures("small_machine")


@pytest.fixture
def pictures(tmp_path):
    for number in range(11):
        noise(8, 7 + number).save(write_images(tmp_path / "data" / "pictures", 0) / f"{number:02}.png")
    return tmp_path / "data" / "pictures"


@pytest.fixture
def decoded(monkeypatch):
    """How many images are decoded."""
    counts, original = [], folder.read_parts

    def counting(files, *arguments):
        counts.append(len(files))
        return original(files, *arguments)

    monkeypatch.setattr(folder, "read_parts", counting)
    return counts


def test_a_folder_larger_than_memory_gives_the_same_images_from_a_file(pictures, monkeypatch, decoded):
    ours = load(pictures)
    (path,) = caches(pictures.parent)
    assert path.parent == pictures.parent / ".ganzoo-cache"
    assert os.listdir(path.parent) == [path.name]
    again = load(pictures)
    monkeypatch.setattr(folder, "MEMORY_SHARE", 1.0)
    theirs = load(pictures)
    for name, (images, labels) in theirs.splits.items():
        assert isinstance(images, torch.Tensor)
        for data in (ours, again):
            assert isinstance(data.splits[name].images, StoredImages)
            assert torch.equal(data.splits[name].images[:], images)
            assert torch.equal(data.splits[name].labels, labels)
    assert decoded == [11]


def test_size_and_free_memory_choose(pictures, monkeypatch):
    monkeypatch.setattr(folder, "MEMORY_SHARE", 0.25)
    size = 11 * 3 * 6 * 6
    for free, in_memory in ((4 * size, True), (4 * size - 1, False)):
        monkeypatch.setattr(folder, "available_memory", lambda free=free: free)
        assert isinstance(load(pictures).splits["train"].images, torch.Tensor) is in_memory


def test_a_changed_picture_is_decoded_anew_and_other_shares_are_not(pictures, decoded):
    load(pictures)
    load(pictures, val_share=0.3)
    assert decoded == [11]
    noise(9, 9).save(pictures / "00.png")
    load(pictures)
    assert decoded == [11, 11]


@pytest.mark.parametrize("spoil", [lambda c: c[:-1], lambda c: c[:200] + b"zzz" + c[203:], lambda c: b""])
def test_a_damaged_file_is_made_anew(pictures, decoded, spoil):
    first = load(pictures).splits["train"].images[:]
    (path,) = caches(pictures.parent)
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert torch.equal(load(pictures).splits["train"].images[:], first)
    assert decoded == [11, 11]
    assert path.read_bytes() == good


def test_a_bad_picture_is_named_and_no_file_is_left(pictures):
    (pictures / "03.png").write_bytes(b"bad")
    (pictures / "10.png").write_bytes(b"bad")
    message = one_line_error(FolderDataModule(str(pictures)).setup)
    assert message.startswith(f"{pictures / '03.png'}: ")
    assert "and 1 more" in message
    assert not caches(pictures.parent)
    assert not list(pictures.parent.rglob("*.part"))


def test_flowers_in_memory_and_flowers_in_a_file_share_what_is_kept(tmp_path, monkeypatch, decoded):
    write_flowers(tmp_path)
    stored_ones = small_flowers(tmp_path).load()
    monkeypatch.setattr(folder, "MEMORY_SHARE", 1.0)
    monkeypatch.setattr(FolderDataModule, "decoded", lambda *_: pytest.fail("decodes again"))
    in_memory = small_flowers(tmp_path).load()
    assert all(torch.equal(in_memory[name].images, stored_ones[name].images[:]) for name in in_memory)
    assert isinstance(FlowersDataModule(data_dir=str(tmp_path)), FolderDataModule)


# -- room --


def test_without_room_anywhere_one_line_says_so_before_anything_is_decoded(pictures, monkeypatch, decoded):
    monkeypatch.setattr(stored, "free_disk", lambda _: 3_000_000)
    monkeypatch.setattr(folder, "available_memory", lambda: 2_000)
    message = one_line_error(FolderDataModule(str(pictures), image_size=6).setup)
    assert message.startswith(f"{pictures}: 11 images of 3x6x6 are ")
    assert f"{pictures.parent / '.ganzoo-cache'} has room for 3 MB" in message
    assert "xdg/ganzoo has room for 3 MB" in message
    assert decoded == []


def test_without_room_on_disk_what_still_fits_stays_in_memory(pictures, monkeypatch):
    monkeypatch.setattr(stored, "free_disk", lambda _: 0)
    assert isinstance(load(pictures).splits["train"].images, torch.Tensor)


def test_a_folder_that_cannot_be_written_leaves_the_next_one(pictures, tmp_path):
    (pictures.parent / ".ganzoo-cache").write_text("in the way")
    assert load(pictures).splits["train"].images.path.parent == tmp_path / "xdg" / "ganzoo"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("place", ["", "outer", "outer/inner"])
@pytest.mark.parametrize(
    ("most", "used", "dropped", "left"), [("max", 5, 0, None), (100, 60, 20, 60), (100, 120, 0, 0)]
)
def test_a_container_s_limit_counts_less_what_can_be_dropped(
    tmp_path, monkeypatch, version, place, most, used, dropped, left
):
    monkeypatch.setattr(room, "CGROUPS", tmp_path)
    monkeypatch.setattr(room, "OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("7:cpu:/x\n" + ("0::" if version == 2 else "4:cpu,memory:") + "/outer/inner\n")
    assert room.of_container() is None
    group = (tmp_path if version == 2 else tmp_path / "memory") / place
    group.mkdir(parents=True, exist_ok=True)
    limit, usage, kind = room.FILES[version]
    for name, content in ((limit, most), (usage, used), ("memory.stat", f"anon 7\n{kind} {dropped}")):
        (group / name).write_text(f"{content}\n")
    assert room.of_container() == left
    if left is not None:
        assert room.available_memory() == left


# -- in a run --


def test_a_machine_decodes_once_and_looks_for_damage_once(pictures, decoded, monkeypatch):
    looks = []
    monkeypatch.setattr(stored, "check_file", looks.append)
    for rank, expected in ((0, 0), (1, 0), (None, 1)):
        looks.clear()
        data = FolderDataModule(str(pictures), image_size=6)
        for _ in range(2 if rank == 0 else 0):  # Lightning calls it in the first process of a machine alone
            data.prepare_data()
        assert len(looks) <= 1
        looks.clear()
        if rank is not None:
            data.trainer = trainer(None)
            monkeypatch.setattr(type(data.trainer), "local_rank", rank)
        data.setup()
        assert len(looks) == expected
    assert decoded == [11]


def scores(folder, data):
    torch.manual_seed(0)
    model = GAN(image_shape=data.image_shape, generator_options={"hidden": [4]}, critic_options={"hidden": [4]})
    often = {"limit_val_batches": 1.0, "val_check_interval": 2, "check_val_every_n_epoch": None}
    player = fit(folder, model, Scores(metrics=["fid"]), steps=2, data=data, **often)
    metrics = dict(player.callback_metrics)
    player.test(model, data, verbose=False)
    return metrics | player.callback_metrics, list(model.parameters())


def test_a_run_is_the_same_wherever_its_images_are(tmp_path, monkeypatch):
    write_flowers(tmp_path)
    made = [scores(tmp_path, small_flowers(tmp_path, batch_size=5))]
    monkeypatch.setattr(folder, "MEMORY_SHARE", 1.0)
    made.append(scores(tmp_path, small_flowers(tmp_path, batch_size=5)))
    assert {"val/fid", "test/fid"} <= made[0][0].keys()
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=0)
