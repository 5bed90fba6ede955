"""Every recipe in configs/, whoever adds it: it parses, says what it means, and takes two steps on tiny data."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import cli
import zoo
from commands import recipes
from helpers.command_line import printed
from helpers.data import write_cifar10, write_images

NAMES = recipes.names()


def recipe(name):
    return yaml.safe_load((recipes.FOLDER / f"{name}.yaml").read_text())


# -- tiny data, by data module --


def mnist(folder, options):
    """The four files with 120 and 12 noise images, and the arguments that make the module take them."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 120), ("t10k", 12)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)
        for kind, values in (("images-idx3", pixels), ("labels-idx1", np.arange(count, dtype=np.uint8) % 10)):
            head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (raw / f"{part}-{kind}-ubyte").write_bytes(head + values.tobytes())
    argv = ["--data.init_args.check_md5=false", "--data.init_args.val_size=8"]
    return argv + (["--data.init_args.per_class=4"] if options.get("per_class") else [])


def flowers(folder, options):
    """Twelve noise photographs in each of the five classes."""
    from datamodules.flowers import CLASSES

    for name in CLASSES:
        (folder / "flower_photos" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "flower_photos" / name / f"{number}.jpg")
    return []


def cifar(folder, options):
    """The six files, with twelve records each."""
    write_cifar10(folder, 12)
    argv = ["--data.init_args.val_size=8"]
    return argv + (["--data.init_args.train_size=40"] if options.get("train_size") else [])


def class_folders(folder, options):
    """Twelve noise images in each of three folders."""
    for name in ("one", "three", "two"):
        write_images(folder / options["folder"] / name, 12)
    return ["--data.init_args.num_classes=3", "--data.init_args.val_share=0.2"]


def ships_with_us(folder, options):
    return []


TINY_DATA = {
    "CIFAR10DataModule": cifar,
    "MNISTDataModule": mnist,
    "FlowersDataModule": flowers,
    "FolderDataModule": class_folders,
    "DigitsDataModule": ships_with_us,
    "ToyDataModule": ships_with_us,
}


def tiny_data(name, folder):
    """Return the arguments that point the recipe to tiny data of its kind, made in `folder`."""
    data = recipe(name)["data"]
    module = data["class_path"].rsplit(".", 1)[1]
    if module not in TINY_DATA:
        pytest.fail(f"configs/{name}.yaml uses {module}: add a function that writes tiny data for it to TINY_DATA")
    return TINY_DATA[module](folder, data.get("init_args", {}))


def test_a_recipe_on_an_unknown_data_module_says_what_to_add(monkeypatch, tmp_path):
    monkeypatch.delitem(TINY_DATA, "DigitsDataModule")
    with pytest.raises(pytest.fail.Exception, match=r"configs/quickstart\.yaml uses DigitsDataModule: add a function"):
        tiny_data("quickstart", tmp_path)


#: recipes whose networks are too large for a few steps here: narrower ones, a batch in one part
NARROW = {
    "biggan_128": [
        *("--model.init_args.generator_options.ch=8", "--model.init_args.critic_options.ch=8"),
        "--model.init_args.accumulate=1",
    ]
}
#: recipes whose two steps take more than a second or two
SLOW = {
    *("sagan_cifar10", "biggan_cifar10", "biggan_128", "sngan_cifar10", "cgan_pd_cifar10", "wgan_gp_cifar10"),
    *("dcgan_flowers", "r3gan_cifar10", "stylegan2_cifar10", "stylegan2_ada_cifar10", "stylegan2_ada_flowers"),
    "deligan_cifar10",
}
STEPPED = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else []) for name in NAMES]


# -- every recipe --


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_prints_as_what_it_reads_back(name, capsys, tmp_path):
    first = printed(capsys, "--config", name)
    assert "Unable to serialize" not in first
    (tmp_path / "again.yaml").write_text(first)
    again = yaml.safe_load(printed(capsys, "--config", str(tmp_path / "again.yaml")))
    assert again == yaml.safe_load(first)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_short_and_says_how_long_it_trains(name):
    lines = (recipes.FOLDER / f"{name}.yaml").read_text().splitlines()
    assert len(lines) <= 25
    assert recipe(name)["trainer"]["max_steps"] > 0, "a recipe says how long it trains"


@pytest.mark.filterwarnings("ignore:this critic has batch norm or dropout")  # in one recipe, as its source has it
@pytest.mark.parametrize("name", STEPPED)
def test_a_recipe_takes_two_steps(name, tmp_path, monkeypatch):
    folder, _ = two_steps(name, tmp_path, monkeypatch, "cpu")
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2
    tensors = [value for value in checkpoint["state_dict"].values() if isinstance(value, torch.Tensor)]
    assert all(value.isfinite().all() for value in tensors)
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert list((folder / "samples").glob("step_*.png"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore:this critic has batch norm or dropout")
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_takes_two_steps_and_is_tested_on_a_gpu(name, tmp_path, monkeypatch):
    folder, argv = two_steps(name, tmp_path, monkeypatch, "gpu")
    cli.main(["test", *argv, f"--ckpt_path={folder / 'checkpoints' / 'last.ckpt'}", "--trainer.limit_test_batches=1"])


def two_steps(name, tmp_path, monkeypatch, accelerator):
    """Train for two steps on tiny data; return the run's folder, and the arguments for another command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    argv = [
        "--config",
        name,
        *tiny_data(name, tmp_path),
        *NARROW.get(name, []),
        f"--trainer.accelerator={accelerator}",
        "--loggers=[csv]",
    ]
    argv += ["--trainer.enable_model_summary=false", "--data.init_args.batch_size=2"]
    quick = "--trainer.max_steps=2 --trainer.val_check_interval=2 --trainer.limit_val_batches=1"
    cli.main(["fit", *argv, *quick.split(), "--trainer.log_every_n_steps=1"])
    (folder,) = (tmp_path / "runs" / name).iterdir()
    return folder, argv


# -- the sources' constants --

KERAS_ADAM = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999], "eps": 1e-7}
KERAS_RMSPROP = {"name": "rmsprop", "lr": 5e-5, "alpha": 0.9, "eps": 1e-7}
PAPER_ADAM = {"name": "adam", "lr": 1e-4, "betas": [0.0, 0.9], "eps": 1e-8}
RMSPROP = {"name": "rmsprop", "lr": 5e-5}
TOY_ADAM = {"name": "adam", "lr": 5e-4, "betas": [0.5, 0.999]}
#: both players' optimizers, critic steps, images a batch, steps, and what else the source says of the model
DCGAN_ADAM = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]}
CONSTANTS = {
    "gan_mlp_mnist": (KERAS_ADAM, KERAS_ADAM, 1, 32, 30_000, {}),
    "wgan_mlp_mnist": (RMSPROP, RMSPROP, 5, 64, 30_000, {"clip": 0.01}),
    "wgan_gp_mlp_mnist": (RMSPROP | {"lr": 1e-4}, RMSPROP | {"lr": 1e-4}, 5, 64, 20_000, {"gp_weight": 0.5}),
    "wgan_gp_keras_mnist": (KERAS_RMSPROP, KERAS_RMSPROP, 5, 32, 30_000, {"gp_weight": 10.0}),
    "wgan_gp_mnist": (PAPER_ADAM, PAPER_ADAM, 5, 32, 30_000, {"gp_weight": 10.0}),
    "wgan_gp_flowers": (
        {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.9]},
        {"name": "adam", "lr": 1e-3, "betas": [0.0, 0.9]},
        *(5, 64, 10_000, {"gp_weight": 10.0, "latent_dim": 100}),
    ),
    "dcgan_mnist": (DCGAN_ADAM, DCGAN_ADAM, 1, 64, 10_000, {"latent_dim": 100, "prior": "normal"}),
    "dcgan_flowers": (DCGAN_ADAM, DCGAN_ADAM, 1, 64, 10_000, {"latent_dim": 100, "prior": "normal"}),
}


@pytest.mark.filterwarnings("ignore:this critic has batch norm or dropout")
@pytest.mark.parametrize("name", CONSTANTS)
def test_a_recipe_has_its_source_s_constants(name):
    given = recipe(name)
    cls = getattr(zoo, given["model"]["class_path"].rsplit(".", 1)[1])
    shape = (3, 64, 64) if name.endswith("flowers") else (1, 28, 28)
    model = cls(image_shape=shape, **given["model"]["init_args"])
    hparams = dict(model.hparams)
    found = [hparams[f"{player}_optimizer"] for player in ("critic", "generator")]
    found += [hparams["critic_steps"], given["data"]["init_args"]["batch_size"], given["trainer"]["max_steps"]]
    *expected, others = CONSTANTS[name]
    assert found == expected
    assert {key: hparams[key] for key in others} == others


def test_flowers_are_drawn_as_in_the_source():
    assert recipe("wgan_gp_flowers")["image_grid"] == {"every_n_steps": 20, "num_images": 25}


# -- the list --

# the sources': generator, what is trained of the prior, critic
COUNTS = {
    "gan_mlp_mnist": (1_493_520, 0, 533_505),
    "wgan_gp_keras_mnist": (1_028_673, 0, 100_097),
    "wgan_gp_flowers": (5_133_443, 0, 4_316_545),
    "deligan_toy": (162, 200, 129),
    "gan_toy": (162, 0, 129),
    "ganpp_toy": (1_848, 0, 129),
    "moe_gan_toy": (1_762, 0, 129),
    "ensemble_gan_toy": (8_100, 0, 129),
    "nx_gan_toy": (8_002, 0, 129),
    "deligan_mnist": (65_569, 3_000, 52_865),
    "deligan_cifar10": (4_933_382, 20_000, 1_504_404),
    "deligan_sketches": (659_682, 20_000, 86_372),
    "dcgan_flowers": (3_576_704, 0, 2_765_568),
    "cgan_mnist": (2_413_984, 0, 1_224_351),  # by hand, of the paper's widths
    "sagan_cifar10": (4_386_308, 0, 1_075_586),
    "biggan_cifar10": (4_304_387, 0, 4_207_361),
    "biggan_128": (70_433_988, 0, 87_982_370),
    "biggan_small_cifar10": (302_788, 0, 270_530),  # ours
}


def test_list_json_counts_the_parameters_of_the_built_models(capsys):
    cli.main(["list", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == NAMES
    keys = {"name", "model", "data", "paper", "generator_parameters", "critic_parameters", "prior_parameters"}
    for row in rows:
        assert keys <= set(row)
        assert row["paper"] == getattr(zoo, row["model"]).paper
        assert row["generator_parameters"] > 0 < row["critic_parameters"]
    for row in rows:
        counts = tuple(row[f"{part}_parameters"] for part in ("generator", "prior", "critic"))
        assert counts == COUNTS.get(row["name"], counts), row["name"]
    assert set(COUNTS) <= set(NAMES)


def test_list_shows_a_line_for_each_recipe(capsys):
    cli.main(["list"])
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.split()[:4] == ["name", "model", "data", "paper"]
    assert [line.split()[0] for line in lines] == NAMES
    assert len({len(line) for line in lines}) == 1, "columns are aligned"


def test_list_takes_no_other_word(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["list", "--jsn"])
    assert stop.value.code == 2
    assert "--jsn" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_the_command_is_installed(tmp_path):
    command = Path(sys.executable).with_name("ganzoo")
    rows = subprocess.run([command, "list", "--json"], capture_output=True, check=True, cwd=tmp_path).stdout
    assert [row["name"] for row in json.loads(rows)] == NAMES
