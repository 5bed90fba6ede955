"""R3GAN: pairs, penalties on both kinds of images, and the lazy form of the penalties."""

from math import cos, exp, log, pi

import pytest
import torch
from lightning.pytorch import Callback

import zoo
from helpers.models import MARKS, build, loader
from helpers.papers import images_of, reading, slopes
from helpers.runs import fit
from zoo.engine.batch import Batch
from zoo.engine.regulariser import CRITIC, GENERATOR

pytestmark = MARKS
ON_REAL, ON_FAKE = [2.0, -1.0, 0.5], [1.0, 0.0, -3.0]
GAPS = [1.0, -1.0, 3.5]  # of the pairs


def pays(gap):
    return log(1 + exp(-gap))


def test_the_losses_are_those_of_pairs_and_a_slope_of_1_pays_gamma():
    real, fake = images_of(ON_REAL), images_of(ON_FAKE)
    critic, generator = sum(map(pays, GAPS)) / 3, sum(pays(-gap) for gap in GAPS) / 3
    lazy = reading(zoo.R3GAN, gamma=3.0, penalty_every=4)
    assert lazy.critic_loss(real, fake).item() == pytest.approx(critic)
    assert lazy.generator_loss(real, fake).item() == pytest.approx(generator)
    always = reading(zoo.R3GAN, gamma=3.0)
    assert always.critic_loss(real, fake).item() == pytest.approx(critic + 3 / 2 * (1 + 1))
    assert always.observed["penalty"].item() == pytest.approx(3.0)
    assert always.generator_loss(real, fake).item() == pytest.approx(generator)


def test_the_critic_widens_each_gap_and_the_generator_closes_it():
    model, real, fake = reading(zoo.R3GAN, penalty_every=4), images_of(ON_REAL), images_of(ON_FAKE)
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    weights = [1 / (1 + exp(gap)) / 3 for gap in GAPS]
    assert on_real == pytest.approx([-weight for weight in weights])
    assert on_fake == pytest.approx(weights)
    on_real, on_fake = slopes(model.generator_loss(real, fake), real, fake)
    weights = [1 / (1 + exp(-gap)) / 3 for gap in GAPS]
    assert on_real == pytest.approx(weights)
    assert on_fake == pytest.approx([-weight for weight in weights])


def test_other_pairs_are_another_loss():
    model, real = reading(zoo.R3GAN, penalty_every=4), images_of(ON_REAL)
    for method in (model.critic_loss, model.generator_loss):
        assert method(real, images_of(ON_FAKE)).item() != pytest.approx(method(real, images_of(ON_FAKE[::-1])).item())


@pytest.fixture
def batches():
    model = build(zoo.R3GAN, gamma=3.0)
    return tuple(Batch(images) for images in torch.rand(2, 4, *model.image_shape) * 2 - 1)


def test_the_penalty_is_gamma_halves_of_r1_and_r2(batches):
    model = build(zoo.R3GAN, gamma=3.0)
    squares = []
    for images, _, _ in batches:
        x = images.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.critic(x).sum(), x)
        squares.append(slope.square().flatten(1).sum(1).mean())
    penalty = 3 / 2 * (squares[0] + squares[1])
    assert penalty > 0
    torch.testing.assert_close(model.penalty(*batches), penalty)
    lazy = build(zoo.R3GAN, gamma=3.0, penalty_every=4)
    lazy.load_state_dict(model.state_dict())
    torch.testing.assert_close(model.critic_loss(*batches) - lazy.critic_loss(*batches), penalty)
    torch.testing.assert_close(model.generator_loss(*batches), lazy.generator_loss(*batches))
    assert "penalty" not in lazy.observed


def test_going_down_the_penalty_flattens_the_critic(batches):
    model = build(zoo.R3GAN, gamma=3.0)
    before = model.penalty(*batches)
    before.backward()
    with torch.no_grad():
        for weight in model.critic.parameters():
            if weight.grad is not None:
                weight.sub_(0.01 * weight.grad)
    assert model.penalty(*batches) < before


class Noted(zoo.R3GAN):
    """With a note of each update, (player, loss), and of the penalties."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.updates, self.penalties, self.modes = [], [], []
        self.generator.register_forward_hook(lambda module, args, images: self.modes.append(module.training))

    def descend(self, player, terms, counted):
        """Noted."""
        loss = super().descend(player, terms, counted)
        self.updates.append((player, loss.item()))
        return loss

    def penalty(self, real, fake):
        """Noted."""
        assert not fake.images.requires_grad
        penalty = super().penalty(real, fake)
        self.penalties.append(penalty.item())
        return penalty


def test_a_lazy_penalty_is_an_update_of_the_critic_at_every_kth_step_times_k(tmp_path):
    model = build(Noted, gamma=3.0, penalty_every=4)
    trainer = fit(tmp_path, model, steps=6, data=loader(model, 6))
    assert trainer.global_step == 6, "counts no lazy update"
    players = [player for player, _ in model.updates]
    step, lazy = [CRITIC, GENERATOR], [CRITIC]
    assert players == step + lazy + 3 * step + step + lazy + step, "at steps 0 and 4"
    paid = [model.updates[index][1] for index in (2, 11)]
    assert paid == pytest.approx([4 * penalty for penalty in model.penalties])
    assert all(penalty > 0 for penalty in model.penalties)
    critic, generator = model.optimizers()
    assert {int(state["step"]) for state in generator.state.values()} == {6}
    assert {int(state["step"]) for weight, state in critic.state.items() if weight.dim() > 1} == {6 + 2}


def test_a_penalty_at_every_step_is_in_the_critic_s_own_update(tmp_path):
    model = build(Noted, gamma=3.0)
    fit(tmp_path, model, steps=3)
    assert [player for player, _ in model.updates] == 3 * [CRITIC, GENERATOR]
    assert len(model.penalties) == 3
    assert model.observed["penalty"].item() == pytest.approx(model.penalties[-1])


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_fakes_of_a_lazy_penalty_are_made_as_the_critic_s_are(tmp_path, mode):
    model = build(Noted, penalty_every=4, fake_mode=mode)
    fit(tmp_path, model, steps=1)
    assert model.modes == [mode == "train", True, mode == "train"], "critic, generator, penalty"
    assert model.generator.training


def test_a_lazy_penalty_corrects_the_critic_s_optimizer_alone():
    critic, generator = (each.defaults for each in build(zoo.R3GAN, penalty_every=4).configure_optimizers())
    assert critic["lr"] == pytest.approx(2e-4 * 4 / 5)
    assert critic["betas"] == pytest.approx((0.0, 0.99 ** (4 / 5)))
    assert (generator["lr"], generator["betas"]) == (2e-4, (0.0, 0.99))
    for plain in build(zoo.R3GAN).configure_optimizers():
        assert (plain.defaults["lr"], plain.defaults["betas"]) == (2e-4, (0.0, 0.99))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1.0}, "gamma must be at least 0, penalty_every at least 1: got -1.0 and 1"),
        ({"gamma": float("nan")}, "got nan and 1"),
        ({"penalty_every": 0}, "got 0.5 and 0"),
        ({"network": "infogan", "image_shape": (1, 8, 8)}, "R1 and R2 need a critic that judges each sample by itself"),
    ],
)
def test_options_that_cannot_be_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.R3GAN, **options)


FINAL = {"images": 8, "lr": 1e-4, "beta_2": 0.8, "gamma": 0.25, "half_life": 101.0}


def test_settings_follow_half_of_a_cosine_and_stay(tmp_path):
    adam = {"name": "adam", "lr": 3e-4, "betas": [0.0, 0.4]}
    options = {"critic_optimizer": adam, "generator_optimizer": adam, "average": {"name": "images", "half_life": 1.0}}
    model, seen = build(zoo.R3GAN, gamma=1.25, final=FINAL, **options), []

    class Note(Callback):
        def on_train_batch_end(self, trainer, model, *_):
            groups = [optimizer.param_groups[0] for optimizer in trainer.optimizers]
            assert groups[0]["lr"] == groups[1]["lr"]
            now = float(model.gamma), groups[0]["lr"], groups[1]["betas"][1], model.averaged.half_life
            seen.append([pytest.approx(each) for each in now])

    fit(tmp_path, model, Note(), steps=6)  # two images each
    shares = [(1 + cos(pi * min(2 * step / 8, 1))) / 2 for step in range(6)]
    assert shares[4] == shares[5] == 0
    assert seen == [[0.25 + s, 1e-4 + 2e-4 * s, 0.8 - 0.4 * s, 101 - 100 * s] for s in shares]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"final": {"images": 8}}, "final takes images and some of"),
        ({"final": {"lr": 1e-4}}, "final takes images and some of"),
        ({"final": {"images": 8, "rate": 1e-4}}, "final takes images and some of"),
        ({"final": {"images": 8, "gamma": -1.0}}, "above 0"),
        ({"final": {"images": 8, "beta_2": 1.0}}, "beta_2 below 1"),
        ({"final": {"images": 8, "lr": 1e-4}, "lr_decay": [0, 5]}, "no lr_decay"),
        ({"final": {"images": 8, "lr": 1e-4}, "penalty_every": 4}, "penalty_every 1"),
        ({"final": {"images": 8, "half_life": 5.0}}, "average by images"),
    ],
)
def test_what_is_no_end_of_a_cosine_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.R3GAN, **wrong)
