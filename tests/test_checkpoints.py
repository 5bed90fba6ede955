"""Checkpoints: as new as they say, the best with the weights of the best score."""

import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from callbacks import BestCheckpoint, LastCheckpoint, Speed
from helpers.runs import BATCH, CRITIC_STEPS, digits, small, trainer

# -- checkpoints --


def test_steps_are_generator_iterations(tmp_path):
    regular = ModelCheckpoint(
        tmp_path / "regular", filename="{step}", every_n_train_steps=2, save_top_k=-1, save_weights_only=True
    )
    fit = trainer(tmp_path, regular)
    fit.fit(small(), digits())
    assert fit.global_step == 4
    assert {path.name for path in (tmp_path / "regular").iterdir()} == {"step=2.ckpt", "step=4.ckpt"}


def test_the_last_checkpoint_is_as_new_as_it_says(tmp_path):
    seen, path = [], tmp_path / "checkpoints" / "last.ckpt"

    class Look(Callback):
        def on_train_batch_start(self, trainer, *_):
            seen.append(torch.load(path, weights_only=True)["global_step"] if path.exists() else None)

    trainer(tmp_path, LastCheckpoint(every_n_steps=2), Look(), steps=5).fit(small(), digits())
    assert seen == [None, None, 2, 2, 4]
    assert torch.load(path, weights_only=True)["global_step"] == 5, "training ended"


def test_a_callback_serves_a_second_training(tmp_path):
    last, path = LastCheckpoint(every_n_steps=100), tmp_path / "checkpoints" / "last.ckpt"
    for _ in range(2):
        trainer(tmp_path, last).fit(small(), digits())
        path.unlink()  # it is there


def test_the_best_checkpoint_holds_the_weights_of_the_best_score(tmp_path):
    """The score is made up: least at the second of four validations. Its weights are those of step 4."""

    class MadeUp(Callback):
        scores, snapshots = iter([3.0, 1.0, 2.0, 1.5]), {}

        def on_validation_epoch_end(self, trainer, pl_module):
            pl_module.log("val/made_up", next(self.scores))
            self.snapshots[trainer.global_step] = {k: v.clone() for k, v in pl_module.state_dict().items()}

    made_up = MadeUp()
    intervals = {"val_check_interval": 2, "check_val_every_n_epoch": None, "limit_val_batches": 1}
    watching = BestCheckpoint("val/made_up"), LastCheckpoint(1), made_up
    trainer(tmp_path, *watching, steps=8, **intervals).fit(small(), digits())
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert list(made_up.snapshots) == [2, 4, 6, 8]
    assert best["global_step"] == 4
    assert all(torch.equal(value, made_up.snapshots[4][name]) for name, value in best["state_dict"].items())
    assert not all(torch.equal(value, made_up.snapshots[8][name]) for name, value in best["state_dict"].items())


def test_a_resumed_run_goes_on_counting_images(tmp_path):
    speed = Speed()
    trainer(tmp_path, speed, LastCheckpoint(), steps=2).fit(small(), digits())
    resumed = Speed()
    fit = trainer(tmp_path, resumed, LastCheckpoint(), steps=3)
    fit.fit(small(), digits(), ckpt_path=tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert (speed.images_seen, resumed.images_seen) == (2 * BATCH * CRITIC_STEPS, 3 * BATCH * CRITIC_STEPS)
