"""`ganzoo sample`, `bundle` and `pretrained`: images by seed, one line for what is wrong, at once."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import cli
import zoo
from commands.bundles import without_places
from commands.numbers import numbers
from helpers.bundles import images, sampler_of, trained, write
from helpers.command_line import error
from helpers.runs import pixels
from zoo.hub import bundle, samplers, showing, sources

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A conditional bundle of three labels in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(showing, "COLUMNS", 2)
    return write(trained(zoo.ACGAN), tmp_path / "own")


def sample(*argv):
    """What the command wrote: bytes by name."""
    cli.main(["sample", *map(str, argv), "--out", "out"])
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}


def test_a_seed_is_the_same_picture_whatever_else_is_asked_for(own):
    many = sample(own, "--seeds", "0-6")
    assert len(many) == 7
    for path in Path("out").iterdir():
        path.unlink()
    (name, alone), *others = sample(own, "--seeds", "5").items()
    assert not others
    assert many[name] == alone
    assert len(set(many.values())) == 7


def test_labels_and_seeds_are_in_the_names_and_in_the_pictures(own, capsys):
    sampler = samplers.seed_sampler(sources.read(own))
    made = sample(own, "--seeds", "3,12345", "--labels", "0,2", "--grid", "--npy")
    assert sorted(made) == ["grid.png", "images.npy"] + [
        f"seed{seed}_label{label}.png" for seed in ("0003", "12345") for label in (0, 2)
    ]
    assert "out/seed0003_label0.png ... images.npy (6 files)" in capsys.readouterr().out
    wanted = torch.stack([sampler.make(seed, label).image for label in (0, 2) for seed in (3, 12345)])
    assert torch.equal(torch.from_numpy(np.load("out/images.npy")), wanted)
    shown = torch.from_numpy(pixels(Path("out/seed12345_label2.png")).copy()) / 127.5 - 1
    assert (shown - wanted[3].squeeze()).abs().max() <= 1 / 255 + 1e-6
    with Image.open("out/grid.png") as grid:
        assert grid.width == grid.height  # a row for each label, a column for each seed


def test_a_drawn_label_is_named_and_is_what_asking_for_it_makes(own):
    sampler = samplers.seed_sampler(sources.read(own))
    drawn = [sampler.make(seed) for seed in range(40)]
    assert {each.label for each in drawn} == {0, 1, 2}
    assert all(torch.equal(sampler.make(seed, each.label).image, each.image) for seed, each in enumerate(drawn))
    assert list(sample(own, "--seeds", "7")) == [f"seed0007_label{drawn[7].label}.png"]


@pytest.mark.parametrize("sampling", ["fixed", "stratified", "random"])
def test_mixture_components_are_drawn_by_seed_whatever_training_does(sampling):
    options = {"components": 3, "sampling": sampling}
    sampler = sampler_of(trained(zoo.DeLiGAN, prior_options=options))
    assert {sampler.make(seed).label for seed in range(40)} == {0, 1, 2}


def test_truncation_bounds_the_latents_and_a_wide_one_changes_nothing(own):
    sampler = samplers.seed_sampler(sources.read(own))
    assert all(sampler.start(seed, None, truncation=0.3)[0].abs().max() <= 0.3 for seed in range(10))
    plain, wide, narrow = (sampler.make(0, 1, truncation).image for truncation in (None, 30.0, 0.3))
    assert torch.allclose(plain, wide, atol=1e-5)
    assert (plain - narrow).abs().max() > 1e-3
    assert (
        sample(own, "--seeds", "0", "--labels", "1", "--truncation", "0.3")["seed0000_label1.png"]
        != sample(own, "--seeds", "0", "--labels", "1")["seed0000_label1.png"]
    )


def test_points_go_to_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(showing, "POINTS", 3)
    model = trained(zoo.GAN, network="toy", image_shape=(2, 1, 1), latent_dim=2)
    made = sample(write(model, tmp_path / "toy"), "--seeds", "0-1", "--grid")
    assert list(made) == ["points.csv"]
    rows = list(csv.reader(made["points.csv"].decode().splitlines()))
    wanted = images(sampler_of(model), seeds=(0, 1)).flatten(1)
    assert [row[:2] for row in rows] == [["0", ""], ["1", ""]]
    assert torch.allclose(torch.tensor([[float(x) for x in row[2:]] for row in rows]), wanted)


WRONG = {
    "no source": (["nobody"], 2, ["no model is called 'nobody'", "acgan_mnist"]),
    "a recipe that does not ship": (["gan_toy"], 2, ["is a recipe", "ganzoo fit --config gan_toy"]),
    "a label too much": (["own", "--labels", "1,3"], 2, ["labels are in 0 .. 2, got 3"]),
    "labels of text": (["own", "--labels", "a"], 2, ["--labels a", "such as"]),
    "labels where there are none": (["r3gan_mnist", "--labels", "1"], 2, ["has no labels"]),
    "a seed below 0": (["own", "--seeds=-1"], 2, ["--seeds -1"]),
    "a range that goes down": (["own", "--seeds", "5-3"], 2, ["5-3", "goes up"]),
    "too many seeds": (["own", "--seeds", "0-99999999999999999999"], 2, ["more than 1,000,000"]),
    "truncation 0": (["own", "--truncation", "0"], 2, ["--truncation", "above 0"]),
    "truncation nan": (["own", "--truncation", "nan"], 2, ["--truncation", "nan"]),
    "truncation of text": (["own", "--truncation", "x"], 2, ["--truncation", "sample --help"]),
    "truncation of uniform latents": (["codes", "--truncation", "0.5"], 2, ["truncation is for normal latents"]),
    "a word too many": (["own", "more"], 2, ["unrecognized arguments: more"]),
    "a mistyped option": (["own", "--seed", "3"], 2, ["--seed"]),
    "a damaged bundle": (["damaged"], 1, ["damaged/model.safetensors", "sha256"]),
    "no place to write": (["own", "--out", "file/x"], 1, ["file/x"]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, own, capsys):
    argv, status, told = WRONG[kind]
    Path("file").write_text("x")
    if argv[0] == "codes":
        write(trained(zoo.InfoGAN), Path("codes"))
    if argv[0] == "damaged":
        own.rename("damaged")
        Path("damaged", bundle.WEIGHTS).write_bytes(b"x")
    code, line = error(capsys, "sample", *argv, *([] if "--out" in argv else ["--out", "out"]))
    assert code == status
    assert all(word in line for word in told), line
    assert not Path("out").exists()


def test_numbers_are_each_there_once_in_their_order():
    assert numbers("--seeds", "3, 0-2,1,9-9") == [3, 0, 1, 2, 9]
    for wrong in ("", ",", "1-", "-", "1.5", "0x3", "\u0661", "1-2-3"):
        with pytest.raises(ValueError, match="--seeds"):
            numbers("--seeds", wrong)


# -- bundles by command --


def configuration(folder):
    return json.loads((folder / bundle.CONFIG).read_text())


def test_fit_leaves_the_best_weights_and_the_command_makes_the_same(run, capsys):
    """The validations of steps 2 and 4, of which one is the best."""
    folder = run("fit", "--model.init_args.average={name: steps, decay: 0.9}")
    best = torch.load(folder / "checkpoints/best.ckpt", weights_only=True)
    step, told = best["global_step"], capsys.readouterr().out
    assert f"bundle:      {folder.relative_to(Path.cwd()) / 'bundle'} (the best weights, of step {step})" in told
    config = configuration(folder / "bundle")
    assert (config["class"], config["recipe"], config["data"], config["step"]) == ("WGANGP", "tiny", "Digits", step)
    assert config["images"] == step * 5 * 4  # steps, critic updates, batch
    assert config["weights"]["generator"] == "average"
    assert config["command"].startswith("ganzoo fit --config tiny.yaml")
    weights = load_file(folder / "bundle" / bundle.WEIGHTS)
    assert torch.equal(weights["critic.body.1.weight"], best["state_dict"]["critic.body.1.weight"])
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    (row,) = (row for row in rows if int(row["step"]) == step and row["val/fid"])
    scores = config["scores"]
    assert scores["generated"]["fid"] == pytest.approx(float(row["val/fid"]), rel=1e-4)
    assert (scores["scorer"], scores["samples"], scores["split"], scores["real"]) == ("digits", 8, "val", {})
    card = (folder / "bundle" / bundle.CARD).read_text()
    assert f"| fid | {scores['generated']['fid']:.4f} |" in card
    assert "Of 8 generated images against as many of validation, through the scorer `digits`" in card
    assert f"| steps | {step} |" in card
    cli.main(["bundle", str(folder), "--out", "again"])
    for name in (bundle.WEIGHTS, bundle.CONFIG, bundle.SAMPLES, bundle.CARD):
        assert Path("again", name).read_bytes() == (folder / "bundle" / name).read_bytes(), name
    run("test", f"--ckpt_path={folder / 'checkpoints' / 'last.ckpt'}")
    cli.main(["bundle", str(folder / "checkpoints" / "last.ckpt"), "--out", "scored", "--half", "--both"])
    config = configuration(Path("scored"))
    assert config["step"] == 4
    assert config["scores"]["generated"].keys() >= {"fid", "sliced_wasserstein"}
    assert "split" not in config["scores"]
    assert (config["weights"]["precision"], config["weights"]["generator"]) == ("float16", "both")
    cli.main(["sample", str(folder), "--seeds", "1", "--out", "out"])
    assert pixels(Path("out/seed0001.png")).shape == (8, 8)


def test_without_a_best_checkpoint_fit_leaves_the_last_weights(run, capsys):
    folder = run("fit", "--trainer.limit_val_batches=0", "--trainer.max_steps=3")
    assert not (folder / "checkpoints/best.ckpt").exists()
    assert "bundle (the last weights, of step 3)" in capsys.readouterr().out
    assert configuration(folder / "bundle")["step"] == 3
    assert configuration(folder / "bundle")["scores"] is None


def test_a_run_outlives_a_bundle_that_cannot_be_written(run, monkeypatch, caplog, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle, "write", full)
    folder = run("fit")
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert any("no bundle" in text and "No space left on device" in text for text in caplog.messages)
    assert "bundle:" not in capsys.readouterr().out


def test_bundle_says_what_is_wrong(own, capsys):
    assert error(capsys, "bundle", "own", "--out", "x")[0] == 2  # a bundle already
    (code, line) = error(capsys, "bundle", "own/README.md", "--out", "x")
    assert (code, "no checkpoint of this zoo" in line) == (1, True)
    torch.save(bundle.saved_of(trained(zoo.WGANGP)), "x.ckpt")
    Path("full").mkdir()
    Path("full", "mine").write_text("x")
    (code, line) = error(capsys, "bundle", "x.ckpt", "--out", "full")
    assert (code, "holds mine" in line) == (1, True)
    assert sorted(os.listdir("full")) == ["mine"]


def test_pretrained_shows_what_ships(capsys):
    cli.main(["pretrained"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["name", "model", "data", "size"]
    (line,) = (line for line in lines if line.startswith("acgan_mnist"))
    assert line.split()[1:4] == ["ACGAN", "MNIST", "0.75"]
    cli.main(["pretrained", "--json"])
    assert "acgan_mnist" in {row["name"] for row in json.loads(capsys.readouterr().out)}


def test_a_bundles_command_names_no_place():
    command = "ganzoo fit --config /home/me/x.yaml --trainer.default_root_dir /home/me --name=a --trainer.max_steps 3"
    assert without_places(command) == "ganzoo fit --config x.yaml --trainer.max_steps 3"
    quoted = "ganzoo fit '--trainer.default_root_dir=/home/me/my runs' --model.x '{name: adam}' --data '/home/a b/c d'"
    assert without_places(quoted) == "ganzoo fit --model.x '{name: adam}' --data 'c d'"
    earlier = "ganzoo fit --name a --model.x {name: adam, of: 'me} --config /home/me/x.yaml"
    assert without_places(earlier) == "ganzoo fit --model.x {name: adam, of: 'me} --config x.yaml"


def modules_after(*argv):
    """The modules that a command has imported in a process of its own."""
    code = "import sys, ganzoo_lightning; ganzoo_lightning.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *argv]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return set(subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stderr.split())


def test_the_table_and_help_import_no_torch():
    for argv in (["pretrained"], ["sample", "--help"], ["bundle", "--help"]):
        assert not {"torch", "numpy", "lightning"} & modules_after(*argv), argv


@pytest.mark.slow
def test_sampling_imports_torch_and_nothing_else_that_takes_time(tmp_path):
    held = modules_after("sample", "acgan_mnist", "--seeds", "0-3", "--grid", "--out", str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 5
    assert not {"lightning", "torchmetrics", "torchvision", "torch._dynamo", "wandb", "scipy", "datamodules"} & held
