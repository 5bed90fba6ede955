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

THRESHOLDS = [name for name, schedule in SCHEDULES.items() if schedule.reads_loss]
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
