"""A run goes on with the data it began with, or not at all."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules import DigitsDataModule
from datamodules.fingerprint import checksum, differences
from helpers.command_line import DATA, error

TOY = ["--data=datamodules.ToyDataModule", "--model.init_args.network=toy", "--model.init_args.latent_dim=2"]
TOY += ["--model.init_args.generator_options={}", "--model.init_args.critic_options={}", f"{DATA}points=40"]


def pictures(folder, seed, size=(8, 10)):
    """Twelve pictures of noise in each of two classes."""
    for kind in "ab":
        (folder / kind).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng([seed, number, ord(kind)]).integers(0, 256, (*size, 3), np.uint8)
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")


def folder(name, **options):
    """Return the arguments that train on a folder."""
    argv = ["--data=datamodules.FolderDataModule", f"{DATA}folder={name}", f"{DATA}image_size=8"]
    argv += [f"{DATA}batch_size=2", "--model.init_args.critic_steps=1", f"{DATA}predict_samples=2"]
    return argv + [f"{DATA}{key}={value}" for key, value in options.items()]


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (folder("one"), folder("two"), "images are others"),
        (folder("one"), folder("one", resize="crop"), "resize is stretch, not crop"),
        (folder("one"), folder("one", val_share="0.3"), "val_share is 0.1, not 0.3"),
        (folder("one"), folder("one", flip="true"), "flip is False, not True"),
        (folder("one"), [*folder("one"), "--seed_everything=3"], "seed is 0, not 3"),
        ([], folder("one"), "image_shape"),
        ([*TOY, f"{DATA}kind=ring"], [*TOY, f"{DATA}kind=grid"], "kind is ring, not grid"),
        ([*TOY, f"{DATA}seed=0"], [*TOY, f"{DATA}seed=1"], "seed is 0, not 1"),
    ],
    ids=["folder", "resize", "held out", "flip", "seed", "class", "kind", "points"],
)
def test_other_data_is_refused(first, then, message, run, tmp_path, capsys):
    for seed, name in enumerate(("one", "two")):
        pictures(tmp_path / name, seed)
    begun = run("fit", "--trainer.max_steps=2", *first)
    status, line = error(capsys, "fit", "--config=tiny.yaml", *then, f"--ckpt_path={begun}/checkpoints/last.ckpt")
    assert status == 2
    assert message in line


def test_another_class_with_images_of_one_shape_is_refused(run, tmp_path, capsys):
    """Lightning hands a data module nothing that a module of another class has saved."""
    for kind in "ab":
        (tmp_path / "grey" / kind).mkdir(parents=True)
        for number in range(700):
            Image.fromarray(np.full((8, 8), number % 256, np.uint8)).save(tmp_path / "grey" / kind / f"{number}.png")
    begun = run("fit", "--trainer.max_steps=2")
    argv = ["--data=datamodules.FolderDataModule", f"{DATA}folder=grey", f"{DATA}image_size=8", f"{DATA}channels=1"]
    status, line = error(capsys, "fit", "--config=tiny.yaml", *argv, f"--ckpt_path={begun}/checkpoints/last.ckpt")
    assert status == 2
    assert "data is DigitsDataModule, not FolderDataModule" in line


def test_the_same_pictures_may_move(run, tmp_path):
    pictures(tmp_path / "one", 0)
    begun = run("fit", "--trainer.max_steps=2", *folder("one"))
    shutil.move(tmp_path / "one", tmp_path / "elsewhere")
    assert run("fit", *folder("elsewhere"), f"--ckpt_path={begun}/checkpoints/last.ckpt")


def test_other_data_may_be_tested(run, tmp_path):
    begun = run("fit", "--trainer.max_steps=2")
    run("test", "--seed_everything=3", f"--ckpt_path={begun}/checkpoints/last.ckpt")


def test_a_checkpoint_of_an_earlier_version_is_held_to_what_it_says(run, capsys):
    """It has no images' checksum, and its record lies under the data module's name."""
    path = run("fit", "--trainer.max_steps=2") / "checkpoints" / "last.ckpt"
    saved = torch.load(path, weights_only=True)
    data = saved.pop("data")
    saved["DigitsDataModule"] = {key: data[key] for key in ("data", "seed", "images", "images_per_step")}
    torch.save(saved, earlier := path.with_name("earlier.ckpt"))
    assert run("fit", f"--ckpt_path={earlier}")
    status, line = error(capsys, "fit", "--config=tiny.yaml", "--seed_everything=3", f"--ckpt_path={earlier}")
    assert (status, "seed is 0, not 3" in line) == (2, True)


def test_a_checksum_sees_every_image_and_label_and_no_memory_layout():
    images, labels = torch.arange(60, dtype=torch.uint8).view(5, 3, 2, 2), torch.arange(5)
    one = checksum(images, labels)
    assert checksum(images.contiguous(memory_format=torch.channels_last), labels) == one
    for place in range(60):
        other = images.clone()
        other.view(-1)[place] += 1
        assert checksum(other, labels) != one
    assert checksum(images, labels.flip(0)) != one
    assert checksum(images.view(5, 3, 4, 1), labels) != one


def test_differences_are_those_of_what_both_know():
    assert differences({"a": 1, "b": {"c": 2}, "old": 3}, {"a": 1, "b": {"c": 4}, "new": 5}) == ["c is 2, not 4"]


def test_fetching_and_serving_change_no_image():
    plain, other = DigitsDataModule(), DigitsDataModule(num_workers=2, predict_samples=3, data_dir="elsewhere")
    from datamodules.fingerprint import arguments_of

    assert arguments_of(plain) == arguments_of(other)
    assert arguments_of(plain) != arguments_of(DigitsDataModule(image_size=16))
