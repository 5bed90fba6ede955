"""That what the benchmarks compare is the same training: speed is measured of nothing else."""

import copy
from itertools import islice

import pytest
import torch

import zoo
from benchmarks.ablation import TutorialData, Without
from benchmarks.loops import Bare, bytes_to_steps, textbook
from small_models import CONV, MARKS, SEED, build, fit, loader, weights
from zoo.randomness import derive_seed

pytestmark = MARKS

STEPS, N = 3, 6
ADAM = {"name": "adam", "lr": 1e-3}
MODELS = {
    "gan": lambda optimizers: build(zoo.GAN, **optimizers),
    "wgan": lambda optimizers: build(zoo.WGAN, **optimizers),
    "wgan_gp": lambda optimizers: build(zoo.WGANGP, **optimizers),
    "conv_wgan_gp": lambda optimizers: build(zoo.WGANGP, **CONV, **optimizers),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def double():
    """In float64, where rounding does not grow to something within three steps."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def model_of(name):
    torch.manual_seed(0)
    return MODELS[name]({"critic_steps": 2, "critic_optimizer": ADAM, "generator_optimizer": ADAM}).double()


def data_for(model):
    return loader(model, steps=STEPS, n=N, dtype=torch.float64)


def steps(data):
    """The data's steps, each with the draws that the product makes in it."""
    for step, (images,) in enumerate(data):
        torch.manual_seed(derive_seed("step", SEED, 0, step))
        yield images


def batches(data):
    for images in steps(data):
        yield from images.split(N)


def trained(loop, model):
    list(islice(loop, STEPS))
    return weights(model)


def assert_same(made, expected, start):
    for one, other in zip(made, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
    assert max(float((one - first).abs().max()) for one, first in zip(made, start, strict=True)) > 1e-3


@every_model
def test_textbook_bare_and_product_train_alike(tmp_path, name):
    model = model_of(name)
    data, start = data_for(model), weights(model)
    bare, tutorial = copy.deepcopy(model), copy.deepcopy(model)
    fit(model, tmp_path, data=data, steps=STEPS, precision="64-true")
    assert_same(trained(iter(Bare(bare, steps(data))), bare), weights(model), start)
    assert_same(trained(textbook(tutorial, batches(data)), tutorial), weights(model), start)


@every_model
@pytest.mark.parametrize("technique", Without.__subclasses__(), ids=lambda kind: kind.__name__)
def test_without_a_technique_the_results_are_the_same(name, technique):
    best = model_of(name)
    if not technique.applies(best):
        return
    other, start, data = copy.deepcopy(best), weights(best), data_for(best)
    made = trained(iter(technique(other, steps(data), batches(data))), other)
    assert_same(made, trained(iter(Bare(best, steps(data))), best), start)


def test_every_technique_has_a_model_that_has_it():
    names = {
        kind.__name__: [name for name in MODELS if kind.applies(model_of(name))] for kind in Without.__subclasses__()
    }
    assert all(names.values())
    assert names["TorchsReLU"] == ["wgan_gp"]
    assert names["ChannelsFirst"] == names["LargeImages"] == ["conv_wgan_gp"]
    assert names[TutorialData.__name__] == list(MODELS)


@pytest.mark.parametrize("flip", [False, True])
def test_steps_hold_every_image_once_an_epoch(flip):
    images = torch.arange(12, dtype=torch.uint8).view(12, 1, 1, 1).expand(12, 1, 2, 2)
    made = bytes_to_steps(images, 5, flip)
    epoch = torch.cat([next(made), next(made)])  # 12 images are two steps of 5
    assert epoch.shape == (10, 1, 2, 2)
    seen = ((epoch[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()
    assert len(set(seen)) == 10
    assert set(seen) <= set(range(12))
    assert epoch.min() >= -1
    assert epoch.max() <= 1
