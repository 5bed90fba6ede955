"""That what the benchmarks compare is the same training: speed is measured of nothing else."""

import copy
from itertools import islice

import pytest
import torch

import zoo
from benchmarks.ablation import Nothing, Without, result_of
from benchmarks.data import bytes_to_steps
from benchmarks.loops import Bare, textbook
from benchmarks.overhead import EmptyHooks, EveryStep
from callbacks import Guard
from commands.run_callbacks import EVERY_UPDATE
from helpers.models import CONV, MARKS, SEED, build, loader, weights
from helpers.runs import fit
from zoo.engine.randomness import derive_seed
from zoo.networks.layers import DoubledConv2d, LeakyReLU

pytestmark = MARKS

STEPS, N = 3, 6
ADAM, RMSPROP = {"name": "adam", "lr": 1e-3}, {"name": "rmsprop", "lr": 1e-3}
# The optimizers are those of the recipes.
MODELS = {
    "gan": (zoo.GAN, ADAM, {}),
    "wgan": (zoo.WGAN, RMSPROP, {}),
    "wgan_gp": (zoo.WGANGP, RMSPROP, {}),
    "conv_wgan_gp": (zoo.WGANGP, ADAM, CONV),
}


@pytest.fixture(autouse=True)
def double():
    """In float64, where rounding does not grow to something within three steps."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def model_of(name):
    torch.manual_seed(0)
    cls, optimizer, options = MODELS[name]
    both = {"critic_optimizer": optimizer, "generator_optimizer": optimizer}
    return build(cls, critic_steps=2, **both, **options).double()


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


@pytest.mark.parametrize("name", MODELS)
def test_textbook_bare_and_product_train_alike(tmp_path, name):
    model = model_of(name)
    data, start = data_for(model), weights(model)
    bare, tutorial = copy.deepcopy(model), copy.deepcopy(model)
    fit(tmp_path, model, data=data, steps=STEPS, precision="64-true")
    assert_same(trained(iter(Bare(bare, steps(data))), bare), weights(model), start)
    assert_same(trained(textbook(tutorial, batches(data)), tutorial), weights(model), start)


# -- each technique of the bare loop --


def graphs_built(loop):
    """Whether the generator was asked with a graph, for the critic's batch."""
    asked = []
    loop.generator.register_forward_hook(lambda *_: asked.append(torch.is_grad_enabled()))
    loop.fake(N)
    return asked == [True]


def passes(loop):
    """How often the critic is called for a batch."""
    asked = []
    loop.critic.register_forward_hook(lambda *_: asked.append(1))
    loop.critic_outputs(*torch.zeros(2, N, *loop.model.image_shape))
    return len(asked)


def of_kind(network, kind):
    return any(isinstance(part, kind) for part in network.modules())


def is_fused(loop):
    optimizer = loop.critic_optimizer
    return bool(optimizer.defaults.get("fused")) or type(optimizer).__module__ == "zoo.engine.optimizers"


# what is true of the bare loop, and not of the loop without the technique
PROBES = {
    "GeneratorGraph": lambda loop: not graphs_built(loop),
    "TwoPasses": lambda loop: passes(loop) == 1,
    "PlainOptimizers": is_fused,
    "TorchsReLU": lambda loop: of_kind(loop.critic, LeakyReLU),
    "ChannelsFirst": lambda loop: not all(weight.is_contiguous() for weight in loop.generator.parameters()),
    "LargeImages": lambda loop: of_kind(loop.generator, DoubledConv2d),
    "TutorialData": lambda loop: next(iter(loop)) is None and next(loop.batches, None) is not None,
}
TECHNIQUES = {kind.__name__: kind for kind in Without.__subclasses__() if kind is not Nothing}
PAIRS = [(technique, name) for technique, kind in TECHNIQUES.items() for name in MODELS if kind.applies(model_of(name))]


def test_every_technique_has_a_probe_and_a_model():
    assert PROBES.keys() == TECHNIQUES.keys() == {technique for technique, _ in PAIRS}


@pytest.mark.parametrize(("technique", "name"), PAIRS)
def test_without_a_technique_the_results_are_the_same(technique, name):
    best = model_of(name)
    other, start, data = copy.deepcopy(best), weights(best), data_for(best)
    made = trained(iter(TECHNIQUES[technique](other, steps(data), batches(data))), other)
    assert_same(made, trained(iter(Bare(best, steps(data))), best), start)


@pytest.mark.parametrize(("technique", "name"), PAIRS)
def test_the_loop_without_a_technique_has_it_not(technique, name):
    loops = {}
    for kind in (Nothing, TECHNIQUES[technique]):
        model = model_of(name)
        data = data_for(model)
        loops[kind] = kind(model, steps(data), iter([*batches(data)][:2]))
    found = [PROBES[technique](loop) for loop in loops.values()]
    assert found == [True, False]


def test_a_gain_is_the_time_without_over_the_time_with_it_less_the_first():
    gain = result_of("recipe", "technique", [9.0, 3.0, 4.0, 6.0], [1.0, 1.0, 2.0, 2.0])
    assert (gain["gain"], gain["quartiles"], gain["rounds"]) == (3.0, [2.5, 3.0], 3)


# -- what is Lightning's --


@pytest.mark.parametrize("kind", [EmptyHooks, EveryStep])
def test_turns_come_in_either_order_and_are_of_equal_length(tmp_path, kind):
    class Noted(kind):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.order = []

        def switch(self, trainer):
            super().switch(trainer)
            hooks = [getattr(guard, hook) for hook in EVERY_UPDATE]
            self.order.append((self.used, None in hooks, trainer.log_every_n_steps))

    guard, noted = Guard(), Noted(rounds=2, steps=2)
    model = model_of("gan")
    fit(tmp_path, model, guard, noted, steps=100, data=data_for(model), precision="64-true")
    assert [used for used, _, _ in noted.order] == [False, False, True, True, False, False]
    assert {name: len(seconds) for name, seconds in noted.seconds.items()} == {True: 3, False: 3}
    if kind is EmptyHooks:
        assert all(used == silent for used, silent, _ in noted.order)
    else:
        assert all(every == (50 if used else 1) for used, _, every in noted.order)


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
