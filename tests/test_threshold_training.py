"""Training under the schedules that read the loss: each move is the published rule's choice."""

import copy
import itertools

import pytest
import torch
from lightning.pytorch import Callback
from torch.nn.functional import binary_cross_entropy_with_logits

import zoo
from helpers.models import CONV, MARKS, build, every_model, loader, watched
from helpers.runs import fit
from zoo.engine.batch import Batch
from zoo.schedules import SCHEDULES

pytestmark = MARKS


# -- schedules that read the loss --

#: those that look before each of their moves
THRESHOLDS = [name for name, schedule in SCHEDULES.items() if schedule.reads_loss and not schedule.in_training_mode]
FAST = {"name": "adam", "lr": 0.02}


@every_model
@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_schedule_that_chooses_counts_a_round_as_a_step_and_each_move_is_its_choice(tmp_path, cls, name):
    rates = {"critic_optimizer": FAST, "generator_optimizer": FAST}
    model = build(watched(cls), schedule=name, critic_steps=1, reuse_critic_noise=False, **rates)
    player = fit(tmp_path, model, steps=30, data=loader(model, steps=8))
    assert player.global_step == 30
    assert [move["counted"] for move in model.moves] == [0, 0, 0, 0, 1] * 30
    # the published rule, told the losses that were seen
    rule = SCHEDULES[name]()
    for i, (move, (loss, latents)) in enumerate(zip(model.moves, model.current_losses, strict=True)):
        if i % (5 * 8) == 0:
            rule.begin_epoch()
        if i % 5 == 0:
            rule.begin_batch()
        who = "generator" if rule.moves_generator(loss) else "critic"
        assert move["who"] == who
        assert move["changed"] == [who]
        assert torch.equal(move["latents"], latents)  # the loss was that of these very latents
    assert rule.state_dict() == model.schedule.state_dict()
    if cls is zoo.GAN:
        assert {move["who"] for move in model.moves} == {"critic", "generator"}
    rounds = [model.moves[i : i + 5] for i in range(0, len(model.moves), 5)]
    for moves in rounds:
        pairs = itertools.pairwise(move["latents"] for move in moves)
        alike = [
            torch.equal(*pair)
            for pair, move in zip(pairs, moves, strict=False)
            if move["who"] == "critic"  # the generator's moves may change the mixture that the latents come from
        ]
        assert alike == [not rule.redraws] * len(alike)
        assert all(torch.equal(move["real"], moves[0]["real"]) for move in moves)
    for one, other in itertools.pairwise(rounds):
        assert not torch.equal(one[-1]["latents"], other[0]["latents"])


def test_a_schedule_hears_of_every_epoch_once(tmp_path):
    model, epochs = build(zoo.GAN, schedule="deligan_toy"), []
    model.schedule.begin_epoch = lambda: epochs.append(model.global_step)
    fit(tmp_path, model, steps=7, data=loader(model, steps=3))
    assert epochs == [0, 3, 6]


def test_the_loss_that_a_schedule_reads_is_taken_in_evaluation_mode_and_changes_nothing(tmp_path):
    model = build(zoo.GAN, **CONV, schedule="deligan_mnist", critic_options={"norm": "batch", "dropout": 0.5})
    seen = []

    class Peek(Callback):
        def on_train_batch_start(self, trainer, model, batch, batch_idx):
            model.generator.body[5].eval()  # a part that its user has frozen
            modes, state = [part.training for part in model.modules()], copy.deepcopy(model.state_dict())
            loss = model.current_generator_loss(Batch(batch[0]), 3)
            assert modes == [part.training for part in model.modules()]
            assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
            latents = model.prior(len(batch[0])).z
            double = copy.deepcopy(model).eval()
            on_fake = double.critic(double.generator(latents))
            seen.append((loss, binary_cross_entropy_with_logits(on_fake, torch.ones(len(latents))).item()))
            assert model.current_generator_loss(Batch(batch[0]), 3) == loss
            assert model.current_generator_loss(Batch(batch[0]), 4) != loss

    fit(tmp_path, model, Peek(), steps=2)
    assert len(seen) == 2
    for loss, expected in seen:
        assert loss == pytest.approx(expected, rel=1e-6)


# -- the rule for sketches: losses of training, kept ones, a move at half the rate --


def test_sketches_rule_goes_by_losses_of_training_and_by_those_it_knows(tmp_path):
    """The critic has noise: what the rule reads is the loss of the very move that follows, noise and all."""
    slow = {"name": "adam", "lr": 0.002}  # the critic soon wins, and the generator takes many moves to catch up
    model = build(watched(zoo.GAN), schedule="deligan_sketches", critic_optimizer=FAST, generator_optimizer=slow)
    model.critic.register_forward_pre_hook(lambda critic, images: images[0] + 0.2 * torch.randn_like(images[0]))
    own, rates, asked = [], [], []
    update, look = model.update_generator, model.current_generator_loss

    def update_generator(real, counted):
        own.append(float(loss := update(real, counted)))
        return loss

    def current_generator_loss(real, move):
        asked.append((model.global_step, move))
        return look(real, move)

    class Rates(Callback):
        def on_fit_start(self, trainer, model):
            descend = model.descend

            def noted(player, *args):
                rates.append(trainer.optimizers[player].param_groups[0]["lr"] / (0.02, 0.002)[player])
                return descend(player, *args)

            model.descend = noted

    model.update_generator, model.current_generator_loss = update_generator, current_generator_loss
    player = fit(tmp_path, model, Rates(), steps=60, data=loader(model, steps=8))
    assert player.global_step == 60
    rule, moves, losses, looks = SCHEDULES["deligan_sketches"](), iter(model.moves), iter(own), iter(asked)
    seen, halves = iter(model.current_losses), []
    for step in range(60):
        rule.begin_batch()
        known = None
        for number in range(rule.moves):
            move = next(moves)
            if known is None:
                assert next(looks) == (step, number)
                known = next(seen)[0]
            halves.append(rule.rate)
            who = "generator" if rule.moves_generator(known) else "critic"
            assert (move["who"], move["step"], move["counted"]) == (who, step, int(number == rule.moves - 1))
            assert move["changed"] == [who]
            mine = next(losses) if who == "generator" else None
            known = (known if mine is None else mine) if rule.keeps_loss else None
    assert rule.state_dict() == model.schedule.state_dict()
    assert [*moves, *losses, *looks] == []
    assert rates == pytest.approx(halves)
    assert {*halves} == {0.5, 1.0}


def test_its_loss_is_that_of_the_move_that_follows_and_leaves_statistics_as_they_are(tmp_path):
    options = CONV | {"schedule": "deligan_sketches", "critic_options": {"norm": "batch", "dropout": 0.5}}
    model = build(zoo.GAN, **options)
    pairs = []

    class Peek(Callback):
        def on_train_batch_start(self, trainer, model, batch, batch_idx):
            state = copy.deepcopy(model.state_dict())
            real = Batch(batch[0])
            loss = model.current_generator_loss(real, 3)
            assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
            double = copy.deepcopy((model.prior, model.generator, model.critic))  # draws go on as the move's would
            on_fake = double[2](double[1](double[0](len(real.images)).z))
            pairs.append((loss, binary_cross_entropy_with_logits(on_fake, torch.ones(len(on_fake))).item()))

    fit(tmp_path, model, Peek(), steps=2)
    assert len(pairs) == 2
    for loss, expected in pairs:
        assert loss == pytest.approx(expected, rel=1e-5)
