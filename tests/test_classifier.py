"""The classifier behind the scores: its outputs, its augmentation, its training."""

import copy
import hashlib
import inspect
import json
import math
import signal

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch.testing import assert_close

import cli
from commands import recipes, train_scorer
from commands.train_scorer import train
from helpers.data import write_images
from zoo.scores.classifier import Classifier, distorted
from zoo.scores.scorers import INDEX, load_scorer

pytestmark = [  # Lightning's advice, on machines with more than the tests use
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("shape", "stages"), [((1, 8, 8), 1), ((3, 11, 7), 2), ((1, 28, 28), 2), ((3, 64, 64), 4)])
def test_any_image_shape_gives_features_and_logits(shape, stages):
    model = Classifier(shape, num_classes=5, width=4, max_width=8, stages=stages).eval()
    features, logits = model(torch.randn(3, *shape))
    assert features.shape == (3, model.num_features) == (3, 8)
    assert logits.shape == (3, 5)
    assert_close(logits, model.head(features))


def test_the_default_is_a_few_hundred_kilobytes():
    assert sum(4 * p.numel() for p in Classifier().parameters()) < 300_000


@pytest.mark.parametrize("wrong", ["num_classes", "width", "max_width", "stages"])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        Classifier(**{wrong: 0})


def test_hyperparameters_are_plain():
    hparams = dict(Classifier((1, 8, 8), 3).hparams)
    assert hparams["image_shape"] == [1, 8, 8]
    assert json.loads(json.dumps(hparams)) == hparams


def test_nothing_to_distort_leaves_images_alone():
    images = torch.rand(4, 3, 6, 9)
    assert_close(distorted(images, generator(), 0, 0, 0), images, atol=1e-5, rtol=0)


def test_distortion_is_small_differs_by_image_and_follows_the_generator():
    images = torch.linspace(-1, 1, 20).expand(6, 1, 20, 20).contiguous()  # brighter to the right: a mirror would show
    once, again = (distorted(images, generator(), math.radians(10), 0.16, 0.1) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once, distorted(images, generator(1), math.radians(10), 0.16, 0.1))
    assert not torch.equal(once[0], once[1])
    assert once.min() >= -1
    assert once.max() <= 1
    assert (once.diff(dim=3).mean(dim=(1, 2, 3)) > 0).all()
    assert (once - images).abs().mean() < 0.2


def test_a_shift_is_a_share_of_the_size():
    """A dot in the middle of 21 pixels, moved by up to 0.1 * 21 pixels, is still one dot at most 2.1 away."""
    images = torch.zeros(50, 1, 21, 21)
    images[:, :, 10, 10] = 1
    moved = distorted(images, generator(), 0, 2 * 0.1, 0)
    position = torch.arange(21.0)
    for dim in (2, 3):
        mass = moved.sum(dim=(1, 5 - dim))
        centre = (mass * position).sum(dim=1) / mass.sum(dim=1)
        assert (centre - 10).abs().max() <= 2.1 + 1e-4
        assert (centre - 10).abs().max() > 1.5


@pytest.mark.parametrize("suffix", ["safetensors", "ckpt"])
def test_training_learns_digits_and_writes_a_scorer(suffix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = torch.get_rng_state()
    entry = train("digits", tmp_path / f"new.{suffix}", epochs=6, batch_size=32, stages=1, width=8, seed=3)
    torch.set_rng_state(state)
    assert entry["test_accuracy"] > 0.6  # 0.1 by chance
    assert entry["image_shape"] == [1, 8, 8]
    if suffix == "ckpt":
        scorer = load_scorer(str(tmp_path / "new.ckpt"))
        assert scorer.name == str(tmp_path / "new.ckpt")
        assert scorer.num_classes == 10
    else:
        model = Classifier(**{k: entry[k] for k in ("image_shape", "num_classes", "width", "max_width", "stages")})
        before = copy.deepcopy(model.state_dict())
        model.load_state_dict(load_file(tmp_path / "new.safetensors"))
        assert not torch.equal(before["head.weight"], model.head.weight)
    assert [path.name for path in tmp_path.iterdir()] == [f"new.{suffix}"]


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (
            ["--config=nix"],
            2,
            "no file and no recipe is called 'nix'; the recipes are: cifar10, digits, flowers, mnist",
        ),
        (["--config=digits"], 2, "the following arguments are required: out (see ganzoo scorer --help)"),
        (["--config=digits", "--out=new.pt"], 2, "--out must end in .ckpt or .safetensors, got new.pt"),
        (["--config=digits", "--out=file/new.ckpt"], 1, "file"),
        (["--config=digits", "--out=new.ckpt", "--width=0"], 2, "width, max_width and stages must be at least 1"),
        (["--config=digits", "--out=new.ckpt", "--epoch=1"], 2, "epoch"),
        (["-c", "digits", "--out=new.ckpt", "--epochs=0"], 2, "--epochs must be at least 1, got 0"),
        (["--config=digits", "--out=new.ckpt", "--data=nix"], 1, "nix: No such file or directory; set --data to"),
        (["--config=digits", "--out=new.ckpt", "--batch_size=5000"], 2, "lower --batch_size"),
        (["--config=digits", "--out=new.ckpt", "--download=true"], 2, "--download is for cifar10, mnist and flowers"),
        (["--data=flat", "--out=new.ckpt", "--image_size=8"], 2, "--data flat: images of one class only"),
    ],
)
def test_a_wrong_argument_of_the_command_is_one_line(argv, status, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    write_images(tmp_path / "flat")
    with pytest.raises(SystemExit) as end:
        cli.main(["scorer", *argv])
    assert end.value.code == status
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("ganzoo: error:"))
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "flat"]


def test_a_training_that_is_told_to_end_is_not_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Classifier, "on_train_batch_end", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as end:
        cli.main(["scorer", "--config=digits", "--out=new.ckpt", "--width=4"])
    assert end.value.code == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


def test_the_command_s_classifier_scores_a_run(tmp_path, run, capsys):
    data = ["--data.class_path=DigitsDataModule", "--scores.scorer=mine.ckpt"]
    cli.main(["scorer", "--config=digits", "--out=mine.ckpt", "--epochs=2", "--width=4", "--batch_size=128"])
    entry = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert entry["sha256"] == hashlib.sha256((tmp_path / "mine.ckpt").read_bytes()).hexdigest()
    folder = run("fit", *data)
    run("test", *data, "--ckpt_path=last")
    assert json.loads((folder / "scores.json").read_text())["scorer"] == "mine.ckpt"


@pytest.mark.parametrize("name", recipes.names(train_scorer.FOLDER))
def test_every_recipe_of_a_scorer_is_that_of_the_one_that_ships(name):
    """What index.json says of the network, the recipe says too."""
    recipe = yaml.safe_load((train_scorer.FOLDER / f"{name}.yaml").read_text())
    assert recipe["data"] == name
    default = {each: parameter.default for each, parameter in inspect.signature(train).parameters.items()}
    for each in ("width", "max_width", "stages"):
        assert INDEX[name][each] == (default | recipe)[each]


def test_every_shipped_scorer_has_a_recipe():
    assert sorted(INDEX) == recipes.names(train_scorer.FOLDER)
