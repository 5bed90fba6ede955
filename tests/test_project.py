"""`ganzoo project`: latents of pictures, found again, and the same ones each time."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cli
import zoo
from commands import curves
from helpers.bundles import lively, sampler_of, still_sampler, trained, write
from helpers.command_line import error
from helpers.models import MARKS, every_model
from helpers.runs import pixels
from zoo.engine.batch import Latents
from zoo.hub.projection import BEYOND, Projection, adam, within

pytestmark = MARKS


@every_model
def test_the_loss_falls_and_the_best_latent_makes_the_best_image(cls):
    sampler = still_sampler(cls)
    target = sampler.make(1000).image
    search = Projection(sampler, target, seeds=range(6), starts=2)
    losses = torch.stack([loss for loss, _ in search.run(25, 0.03)])
    assert losses.shape == (26, 2)
    least, start, noise = search.best
    assert least == losses.min()
    assert least < 0.9 * losses[0].min()
    image = search.image()
    assert (image - target).square().mean().item() == pytest.approx(least, rel=1e-3, abs=1e-6)
    label = search.label_of(start)
    labels = None if label is None else torch.tensor([label])
    prior = sampler.sampler.prior
    with torch.no_grad():
        again = sampler.sampler.generate(Latents(prior.place(noise, labels), labels), **search.how)
    assert torch.equal(again[0], image)


def test_the_nearest_seeds_are_followed_and_a_seeds_own_image_is_found():
    sampler = sampler_of(lively(zoo.ACGAN))
    made = sampler.make(5)
    search = Projection(sampler, made.image, seeds=range(10), starts=3)
    assert search.seeds[0] == 5
    assert search.label_of(0) == made.label
    distances = [(sampler.make(seed).image - made.image).square().mean().item() for seed in range(10)]
    assert search.seeds == sorted(range(10), key=distances.__getitem__)[:3]
    next(search.run(1))
    assert search.best[0] < 1e-9
    asked = Projection(sampler, made.image, seeds=range(10), starts=3, label=2)
    assert asked.labels.tolist() == [2, 2, 2]


def test_features_are_compared_relative_to_their_size():
    sampler = sampler_of(lively(zoo.GAN))
    target = sampler.make(50).image
    once, twice = (
        Projection(sampler, target, lambda images, k=k: k * images.flatten(1)[:, :5], seeds=range(4), starts=4)
        for k in (1, 2)
    )
    assert once.seeds == twice.seeds
    assert torch.allclose(next(once.run(1))[0], next(twice.run(1))[0])


def test_adam_is_torchs():
    weight = torch.randn(3, 4, requires_grad=True)
    own, moments = weight.detach().clone(), torch.zeros(2, 3, 4)
    optimizer = torch.optim.Adam([weight], 0.1)
    for step in range(1, 6):
        weight.grad = torch.randn(3, 4)
        own -= 0.1 * adam(weight.grad, *moments, step)
        optimizer.step()
    assert torch.allclose(own, weight, atol=1e-6)


def test_noise_stays_where_the_prior_draws_it():
    noise = 100 * torch.randn(4, 9)
    normal, uniform, codes = (
        sampler_of(trained(zoo.GAN, prior=name)).sampler.prior for name in ("normal", "uniform", "uniform")
    )
    assert torch.allclose(within(noise, normal).norm(dim=1), torch.tensor(3 + BEYOND))
    assert torch.allclose(within(noise, normal), noise * (within(noise, normal)[:, :1] / noise[:, :1]), rtol=1e-4)
    small = torch.randn(4, 9) * 0.1
    assert torch.equal(within(small, normal), small)
    assert within(noise, uniform).abs().max() == 1
    codes.distribution = None
    assert within(noise, codes) is noise


@pytest.mark.parametrize(("prior", "most"), [("normal", 3**0.5 + BEYOND), ("uniform", 1)])
def test_no_step_leaves_the_prior(prior, most):
    sampler = sampler_of(lively(zoo.GAN, prior=prior))
    search = Projection(sampler, sampler.make(9).image, seeds=range(4), starts=4)
    for _ in search.run(8, rate=10.0):
        size = search.noise.norm(dim=1).max() if prior == "normal" else search.noise.abs().max()
        assert size <= most + 1e-4


def test_curves_are_drawn_where_the_numbers_are():
    picture = np.asarray(curves.curves([[1.0, 1.0, 1.0], [0.01, 0.01, 0.01]], 1, "two"))
    assert picture.shape == (curves.HEIGHT, curves.WIDTH, 3)
    rows = [np.where((picture == colour).all(2).sum(1) > curves.WIDTH / 2)[0] for colour in (curves.GREY, curves.BLUE)]
    assert abs(rows[0] - curves.TOP).max() <= 2
    assert abs(rows[1] - (curves.HEIGHT - curves.BOTTOM)).max() <= 2
    curves.curves([[0.0, math.nan], [math.inf, 0.0]], 0, "nothing to be seen")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A conditional bundle of three labels, and a picture in colours, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write(lively(zoo.ACGAN), tmp_path / "own")
    Image.effect_noise((20, 30), 90).convert("RGB").save("photo.jpg")
    return tmp_path / "own"


def test_the_command_writes_everything_and_the_same_again(own, capsys):
    command = ["project", "own", "photo.jpg", "--steps", "70", "--seeds", "0-9", "--starts", "3", "--out"]
    for out in ("a", "b"):
        cli.main([*command, out])
    names = ["image.png", "latent.npy", "loss.csv", "loss.png", "projection.json", "steps.gif", "target.png"]
    assert sorted(path.name for path in Path("a").iterdir()) == names
    assert all(Path("a", name).read_bytes() == Path("b", name).read_bytes() for name in names)
    assert capsys.readouterr().out.splitlines()[0] == "a/target.png ... steps.gif (7 files)"
    found = json.loads(Path("a/projection.json").read_text())
    rows = list(csv.DictReader(Path("a/loss.csv").read_text().splitlines()))
    assert len(rows) == 71
    column = f"seed{found['seed']:04}_label{found['label']}"
    assert min(float(row[column]) for row in rows) == pytest.approx(found["loss"], rel=1e-4)
    assert min(float(row[key]) for row in rows for key in row if key != "step") == pytest.approx(
        found["loss"], rel=1e-4
    )
    assert (found["picture"], found["compared"], found["steps"]) == ("photo.jpg", "pixels", 70)
    noise, label = torch.from_numpy(np.load("a/latent.npy"))[None], torch.tensor([found["label"]])
    with torch.no_grad():
        image = sampler_of(zoo.from_pretrained("own")).sampler.generate(Latents(noise, label))[0]
    assert np.abs(pixels(Path("a/image.png")) / 127.5 - 1 - image[0].numpy()).max() <= 1 / 255 + 1e-5
    assert pixels(Path("a/target.png")).shape == (8, 8)
    with Image.open("a/steps.gif") as moving:
        assert 2 <= moving.n_frames <= 60
        assert moving.size == (256, 128)


def test_features_of_a_scorer(own):
    cli.main(["project", "own", "photo.jpg", "--scorer", "digits", "--steps", "2", "--seeds", "0-3", "--out", "a"])
    assert json.loads(Path("a/projection.json").read_text())["compared"] == "digits"


WRONG = {
    "no picture": (["own", "nothing.png"], 1, ["nothing.png", "No such file"]),
    "a text": (["own", "own/README.md"], 1, ["own/README.md", "is no picture"]),
    "a folder": (["own", "own"], 1, ["own", "is no picture"]),
    "no steps": (["own", "photo.jpg", "--steps", "0"], 2, ["--steps"]),
    "a label too much": (["own", "photo.jpg", "--label", "3"], 2, ["labels are in 0 .. 2, got 3"]),
    "no scorer": (["own", "photo.jpg", "--scorer", "nobody"], 2, ["nobody"]),
    "another resize": (["own", "photo.jpg", "--resize", "fit"], 2, ["--resize"]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, own, capsys):
    argv, status, told = WRONG[kind]
    code, line = error(capsys, "project", *argv, "--out", "out")
    assert code == status, line
    assert all(word in line for word in told), line
    assert not Path("out").exists()


@pytest.mark.slow
def test_a_projection_imports_torch_and_nothing_else_that_takes_time(own):
    code = "import sys, ganzoo_lightning; ganzoo_lightning.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    argv = ["project", "own", "photo.jpg", "--steps", "2", "--out", "out"]
    root = str(Path(zoo.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True, env={"PYTHONPATH": root}
    )
    assert not {"lightning", "torchvision", "torch._dynamo", "wandb", "datamodules.images"} & set(done.stderr.split())
