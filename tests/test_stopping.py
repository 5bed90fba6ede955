"""Ends of runs: when they are asked to, when another process of theirs is gone, and what each end says."""

import signal

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping

from callbacks import LastCheckpoint
from commands.ending import Ending
from commands.interrupts import Interrupts
from datamodules import DigitsDataModule
from helpers.runs import small, trainer

# -- epochs --


def fifty():
    """Five steps an epoch for `small`."""
    return DigitsDataModule(batch_size=50)


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 7, 10, 12])
def test_a_run_stopped_amid_an_epoch_makes_as_many_epochs_in_the_end(stop, tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    trainer(tmp_path, LastCheckpoint(), steps=stop).fit(small(), fifty())
    rest = trainer(tmp_path, steps=-1, max_epochs=3)
    rest.fit(small(), fifty(), ckpt_path=path, weights_only=True)
    assert (rest.global_step, rest.current_epoch) == (15, 3)


# -- why --


class AskToStop(Callback):
    """At step 3."""

    def on_train_batch_end(self, trainer, *_):
        """Lightning's."""
        trainer.should_stop = trainer.global_step == 3


@pytest.mark.parametrize(
    ("callbacks", "options", "message"),
    [
        ([], {"steps": 2}, "ended at step 2: max_steps 2 reached"),
        ([], {"steps": -1, "max_epochs": 1}, "ended at step 5: max_epochs 1 reached"),
        ([], {"steps": -1, "max_time": {"seconds": 0.001}}, "max_time reached"),
        ([AskToStop()], {"steps": 9}, "ended at step 3: a callback asked for it"),
        (
            [EarlyStopping("train/critic_loss", patience=1, stopping_threshold=1e9, check_on_train_epoch_end=True)],
            {"steps": 9, "max_epochs": 4},
            "ended at step 5: early stopping, Stopping threshold reached",
        ),
    ],
    ids=["steps", "epochs", "time", "callback", "early stopping"],
)
def test_every_end_says_which_step_and_why(callbacks, options, message, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("commands.ending.log.info", lambda text, *values: lines.append(text % values))
    trainer(tmp_path, Ending(), *callbacks, **options).fit(small(), fifty())
    assert len(lines) == 1
    assert message in lines[0]


def test_the_end_is_in_the_log_of_the_run(run):
    assert "ended at step 4: max_steps 4 reached" in (run("fit") / "log.txt").read_text()


# -- requests --


def test_the_first_request_is_a_flag_and_the_second_an_exception():
    forwarded = []
    interrupts = Interrupts()
    interrupts.running, interrupts.forward = True, forwarded.append
    interrupts.handle(signal.SIGINT, None)
    assert interrupts.received == forwarded == [signal.SIGINT]
    assert interrupts.status == 130
    interrupts.handle(signal.SIGTERM, None)  # a scheduler that asks again is patient
    with pytest.raises(KeyboardInterrupt):
        interrupts.handle(signal.SIGINT, None)


@pytest.mark.parametrize(("signum", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_where_nothing_runs_a_request_is_an_end(signum, end):
    with pytest.raises(end) as stop:
        Interrupts().handle(signum, None)
    assert end is KeyboardInterrupt or stop.value.code == 143
