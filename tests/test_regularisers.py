"""Regularisers: when their turn is, how much they weigh, and what they do to their player's optimizer."""

import pytest
import torch

import zoo
from helpers.models import MARKS, build, loader
from helpers.runs import fit
from zoo.engine.optimizers import build_optimizer
from zoo.engine.regulariser import CRITIC, GENERATOR, Regulariser, correction, due

pytestmark = MARKS


def regulariser(every, player=CRITIC, name="r"):
    return Regulariser(name, player, lambda real: real.images.sum(), every)


def test_a_lazy_one_is_due_at_every_kth_step_from_the_first():
    lazy = [regulariser(4), regulariser(6, name="s"), regulariser(4, GENERATOR), regulariser(1, name="always")]
    assert [step for step in range(13) if "r" in {each.name for each in due(lazy, CRITIC, step)}] == [0, 4, 8, 12]
    assert [each.name for each in due(lazy, CRITIC, 12)] == ["r", "s"]
    assert due(lazy, GENERATOR, 6) == []
    assert [step for step in range(9) if due(lazy, GENERATOR, step)] == [0, 4, 8]


@pytest.mark.parametrize(
    ("intervals", "share"), [([], 1.0), ([1], 1.0), ([16], 16 / 17), ([4, 1], 4 / 5), ([8, 2], 2 / 3)]
)
def test_the_correction_is_the_share_of_a_player_s_own_steps(intervals, share):
    assert correction([regulariser(every) for every in intervals], CRITIC) == pytest.approx(share)
    assert correction([regulariser(every) for every in intervals], GENERATOR) == 1.0


def test_the_correction_changes_rate_and_decays():
    weight = [torch.nn.Parameter(torch.zeros(2))]
    adam = build_optimizer({"name": "adam", "lr": 0.002, "betas": [0.0, 0.99]}, weight, 16 / 17).param_groups[0]
    assert adam["lr"] == pytest.approx(0.002 * 16 / 17)
    assert adam["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    plain = build_optimizer({"name": "adam", "lr": 0.002}, weight).param_groups[0]
    assert (plain["lr"], plain["betas"]) == (0.002, (0.9, 0.999))
    rmsprop = build_optimizer({"name": "rmsprop", "lr": 0.1}, weight, 0.5).param_groups[0]
    assert (rmsprop["lr"], rmsprop["alpha"]) == pytest.approx((0.05, 0.99**0.5))


class Pulled(zoo.GAN):
    """A penalty of its own for each player: the sum of weights, whose gradient is 1, by what it weighs."""

    every = (1, 1)

    @property
    def regularisers(self):
        """One for each player."""
        critic, generator = self.every
        return [
            Regulariser("on_critic", CRITIC, lambda real: 3 * next(self.critic.parameters()).sum(), critic),
            Regulariser("on_generator", GENERATOR, lambda real: 5 * next(self.generator.parameters()).sum(), generator),
        ]

    def critic_loss(self, real, fake):
        """Without a gradient."""
        return 0 * super().critic_loss(real, fake)

    def generator_loss(self, real, fake):
        """Without a gradient."""
        return 0 * super().generator_loss(real, fake)


@pytest.mark.parametrize(("every", "accumulate"), [((1, 1), 1), ((1, 1), 2), ((3, 2), 1), ((3, 2), 2)])
def test_a_term_weighs_the_same_on_average_whatever_its_interval(tmp_path, every, accumulate):
    """By SGD without momentum, six steps move a weight by six times its gradient; the correction takes its share."""
    still = {"name": "sgd", "lr": 0.5}
    cls = type("Lazy", (Pulled,), {"every": every})
    options = {"generator_options": {"hidden": [8], "norm": "none"}, "accumulate": accumulate}
    model = build(cls, critic_optimizer=still, generator_optimizer=still, **options)
    before = [next(player.parameters()).detach().clone() for player in (model.critic, model.generator)]
    trainer = fit(tmp_path, model, steps=6, data=loader(model, 6, n=4))
    assert trainer.global_step == 6
    for player, weight, slope, k in zip((model.critic, model.generator), before, (3, 5), every, strict=True):
        share = k / (k + 1) if k > 1 else 1.0
        moved = (weight - next(player.parameters())).detach()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.5 * share * slope * 6))
    named = {name for name, k in zip(("on_critic", "on_generator"), every, strict=True) if 5 % k == 0}
    assert named == {"on_critic", "on_generator"} & model.observed.keys(), "what the last step computed"


def test_a_lazy_step_of_the_generator_leaves_the_critic_alone(tmp_path):
    seen = []

    class Look(zoo.GAN):
        @property
        def regularisers(self):
            return [Regulariser("look", GENERATOR, self.look, 2)]

        def look(self, real):
            seen.append((self.global_step, [weight.requires_grad for weight in self.critic.parameters()]))
            return next(self.generator.parameters()).sum()

    fit(tmp_path, build(Look), steps=4)
    assert [step for step, _ in seen] == [1, 3], "after the counted step of rounds 0 and 2"
    assert not any(any(each) for _, each in seen)
