"""`ganzoo fit photos/`: what is seen of a folder, what is chosen for it, and what is said of a folder that is none."""

import numpy as np
import pytest
import yaml
from PIL import Image

import cli
import datamodules
import zoo
from commands.own_pictures import look
from commands.picture_settings import Facts, choose
from helpers.command_line import error


def facts(side=240, is_grey=False, **class_counts):
    return Facts("photos", class_counts or {"photos": 300}, side, is_grey)


def chosen(**kwargs):
    """The model's class, its arguments, the data's, and all settings."""
    settings = choose(facts(**kwargs)).settings
    return settings["model"]["class_path"], settings["model"]["init_args"], settings["data"]["init_args"], settings


def pictures(folder, count=24, size=(48, 36), grey=False):
    """Write pictures of noise, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    for number in range(count):
        pixels = random.integers(0, 256, (size[1], size[0], 1 if grey else 3), np.uint8)
        Image.fromarray(pixels[..., 0] if grey else pixels).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("seen", "name"),
    [
        ({}, "zoo.R3GAN"),
        ({"a": 100, "b": 900}, "zoo.ConditionalR3GAN"),
        ({"a": 99, "b": 900}, "zoo.R3GAN"),  # a class of few images
        ({"a": 1000}, "zoo.R3GAN"),
    ],
)
def test_a_model_is_told_the_class_where_each_has_enough_images(seen, name):
    assert chosen(**seen)[0] == name


@pytest.mark.parametrize(
    ("count", "augmented"),
    [(20, True), (300, True), (6000, True), (6300, False), (100_000, False)],
)
def test_few_images_are_changed_at_random(count, augmented):
    assert ("augmentation" in chosen(photos=count)[1]) == augmented


def test_grey_pictures_are_neither_mirrored_nor_coloured():
    _, model, data, _ = chosen(is_grey=True)
    assert (data["channels"], data["flip"]) == (1, False)
    assert model["augmentation"]["policy"] == ["translation", "cutout"]
    _, model, data, _ = chosen()
    assert (data["channels"], data["flip"]) == (3, True)
    assert model["augmentation"]["policy"] == ["color", "translation", "cutout"]


@pytest.mark.parametrize(("side", "size"), [(4000, 32), (33, 32), (32, 32), (31, 28), (28, 28), (8, 8), (3, 8)])
def test_images_are_no_larger_than_the_pictures(side, size):
    assert chosen(side=side)[2]["image_size"] == size


@pytest.mark.parametrize(
    ("count", "held_out", "score"),
    [(20, 4, "kid"), (100, 20, "kid"), (300, 60, "kid"), (450, 60, "kid"), (1990, 199, "kid"), (2000, 200, "fid")],
)
def test_a_score_for_as_many_held_out_images_as_there_are(count, held_out, score):
    _, _, data, settings = chosen(photos=count)
    assert round(data["val_share"] * count) == held_out
    assert settings["best_checkpoint"] == {"monitor": f"val/{score}"}


@pytest.mark.parametrize("count", [20, 21, 40, 300, 10_000])
def test_a_batch_is_never_larger_than_what_is_trained_on(count):
    _, _, data, _ = chosen(photos=count)
    held_out = round(data["val_share"] * count) + round(0.1 * count)
    assert 2 <= data["batch_size"] <= min(32, count - held_out)


@pytest.mark.parametrize("seen", [{}, {"is_grey": True, "side": 9}, {"a": 100, "b": 120}])
def test_what_is_chosen_can_be_built(seen):
    name, model, data, _ = chosen(**seen)
    shape = (data["channels"], data["image_size"], data["image_size"])
    built = getattr(zoo, name.removeprefix("zoo."))(image_shape=shape, num_classes=2, **model)
    assert built.sample(2).shape == (2, *shape)
    datamodules.FolderDataModule(**data)


def test_every_choice_has_a_reason_in_a_line():
    lines = choose(facts(a=60, b=240)).reasons
    text = "\n".join(lines)
    for word in (
        "32x32",
        "R3GAN",
        "averaged",
        "60 images",
        "DiffAugment",
        "210 images",
        "KID",
        "CIFAR-10",
        "6,000 steps",
    ):
        assert word in text
    assert all(0 < len(line) <= 110 and "\n" not in line for line in lines)


def test_a_folder_is_looked_at(tmp_path):
    pictures(tmp_path / "both" / "b", 15)
    pictures(tmp_path / "both" / "a", 10, size=(20, 90))
    assert look(tmp_path / "both") == (str(tmp_path / "both"), {"a": 10, "b": 15}, 36, False)
    assert look(pictures(tmp_path / "grey", 30, (24, 26), grey=True)) == (
        str(tmp_path / "grey"),
        {"grey": 30},
        24,
        True,
    )


def test_grey_photographs_that_are_stored_in_colours_are_grey(tmp_path):
    folder = pictures(tmp_path / "scans", 20, grey=True)
    for file in folder.iterdir():
        Image.open(file).convert("RGB").save(file.with_suffix(".jpg"), quality=60)
        file.unlink()
    assert look(folder).is_grey


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "no images, nor folders of images"),
        (lambda folder: pictures(folder, 19), "19 pictures are too few"),
        (lambda folder: (folder.mkdir(), (folder / "notes.txt").write_text("x")), "it holds 1 .txt"),
        (lambda folder: pictures(folder / "inner" / "class", 30), "try ganzoo fit"),
        (
            lambda folder: (folder.mkdir(), [(folder / f"{i}.jpg").write_text("no picture") for i in range(30)]),
            "cannot be read as an image",
        ),
    ],
)
def test_a_folder_that_is_no_data_is_one_line(make, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "photos")
    status, line = error(capsys, "fit", "photos")
    assert status == 1
    assert message in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["phots"], "or the folder photos?"),
        (["quickstrt"], "did you mean --config quickstart?"),
        (["quickstart"], "did you mean ganzoo fit --config quickstart?"),
        (["nothing_like_it"], "no such folder"),
        (["mine.yaml"], "--config mine.yaml"),
        (["photos", "--config", "quickstart"], "has data of its own"),
        (["photos", "--config=quickstart"], "has data of its own"),
        (["photos", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["run"], "--config run/config.yaml --ckpt_path last"),
        (["--trainer.max_steps=3", "photos"], "fit photos"),
    ],
)
def test_a_word_that_is_not_meant_so_is_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos")
    (tmp_path / "mine.yaml").write_text("trainer: {max_steps: 3}")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").write_text("trainer: {max_steps: 3}")
    status, line = error(capsys, "fit", *words)
    assert status == 2
    assert message in line


def test_a_folder_is_trained_on_and_tested(tmp_path, capsys, monkeypatch):
    """Its settings are in the run's folder, words change them, and the folder means the same run again."""
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos", 24, size=(12, 12))
    quick = [
        "--model.init_args.generator_options={widths: [4, 4]}",
        "--model.init_args.critic_options={widths: [4, 4, 4]}",
    ]
    quick += ["--trainer.accelerator=cpu", "--trainer.devices=1", "--loggers=[csv]"]
    cli.main(["fit", "photos/", "--trainer.max_steps=2", *quick])
    told = capsys.readouterr()
    assert "photos: 24 pictures, 12 pixels or so on the shorter side; chosen:\n  12x12, in colour\n" in told.err
    assert "val/kid of 5 images" in told.err
    (folder,) = (tmp_path / "runs" / "photos").iterdir()
    kept = yaml.safe_load((folder / "config.yaml").read_text())
    assert kept["trainer"]["max_steps"] == 2
    assert kept["model"]["class_path"] == "zoo.R3GAN"
    assert kept["data"]["init_args"]["folder"] == "photos"
    assert yaml.safe_load((folder / "environment.yaml").read_text())["command"].startswith("ganzoo fit photos/")
    cli.main(["test", "photos", "--ckpt_path=last", *quick])
    assert (folder / "scores.json").is_file()
    assert "chosen" not in capsys.readouterr().err


def test_the_settings_can_be_kept_as_a_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "photos")
    with pytest.raises(SystemExit) as end:
        cli.main(["fit", "photos", "--print_config", "--trainer.max_steps=7"])
    assert end.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["trainer"]["max_steps"], printed["scores"]["scorer"]) == (7, "cifar10")
