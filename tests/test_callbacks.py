"""Callbacks count, log, write and say the right things at the right steps."""

import csv
from collections import Counter

import pytest
import torch
from lightning.pytorch import Callback
from torch.utils._python_dispatch import TorchDispatchMode

from callbacks import Guard, ImageGrid, LastCheckpoint, SampleWriter, Scores, Speed, StepBar
from helpers.runs import BATCH, CRITIC_STEPS, Memory, digits, pixels, small, trainer
from helpers.scorer import KEYS

# -- what is logged, and when --


def test_values_are_logged_at_the_logged_steps_alone(tmp_path):
    memory = Memory()
    trainer(tmp_path, Speed(), steps=7, logger=memory, log_every_n_steps=3).fit(small(), digits())
    names = {f"train/{name}" for name in ("critic_loss", "generator_loss", "wasserstein")}
    names |= {"train/gradient_penalty", "train/gradient_norm", "images_seen", "images_per_second"}
    assert names <= set().union(*(values for _, values in memory.logged))
    for name in names:
        assert list(memory.values(name)) == [3, 6, 7], f"{name}: every third step and the last"
        assert len(set(memory.values(name).values())) == 3, f"{name} is fresh"
    assert memory.values("images_seen") == {step: step * BATCH * CRITIC_STEPS for step in (3, 6, 7)}
    assert min(memory.values("images_per_second").values()) > 0


def test_the_logged_loss_is_that_of_its_step(tmp_path):
    """A run that logs every step says the same of step 6 as one that logs every third."""
    often, seldom = Memory(), Memory()
    for memory, every in ((often, 1), (seldom, 3)):
        trainer(tmp_path, steps=6, logger=memory, log_every_n_steps=every).fit(small(), digits())
    for name in ("train/critic_loss", "train/generator_loss", "train/gradient_norm"):
        assert seldom.values(name).items() <= often.values(name).items()


def test_nothing_waits_for_the_device_between_logged_steps(tmp_path):
    waits = Counter()

    class Watch(TorchDispatchMode):
        """Counts the reads of a tensor's value: item(), float(), bool() all end in _local_scalar_dense."""

        def __torch_dispatch__(self, function, types, arguments=(), kwargs=None):
            if function is torch.ops.aten._local_scalar_dense.default:
                waits[fit.global_step] += 1
            return function(*arguments, **(kwargs or {}))

    fit = trainer(tmp_path, Speed(), StepBar(), logger=Memory(), steps=12, log_every_n_steps=6)
    model, data = small(), digits()
    model.critic_loss = count_reads(model.critic_loss, Watch)
    model.generator_loss = count_reads(model.generator_loss, Watch)
    model.descend = count_reads(model.descend, Watch)
    fit.fit(model, data)
    assert not waits


def count_reads(function, mode):
    """The function, run under a dispatch mode."""

    def watched(*arguments, **kwargs):
        with mode():
            return function(*arguments, **kwargs)

    return watched


@pytest.mark.parametrize("read", ["item", "tolist", "__float__", "__bool__", "numpy", "cpu"])
def test_no_value_is_read_between_logged_steps(read, tmp_path, monkeypatch):
    """The same from the side of Python, with all that looks at each step: reads of tensors, by step."""
    reads, original = Counter(), getattr(torch.Tensor, read)

    class Steps(Callback):
        step = None

        def on_train_batch_start(self, trainer, *_):
            self.step = trainer.global_step + 1

        def on_train_batch_end(self, *_):
            self.step = None

    def counting(tensor, *arguments):
        if steps.step:
            reads[steps.step] += 1
        return original(tensor, *arguments)

    steps = Steps()
    watching = [Speed(), StepBar(), Guard(), LastCheckpoint(), steps]
    fit = trainer(tmp_path, *watching, logger=Memory(), steps=6, log_every_n_steps=3)
    monkeypatch.setattr(torch.Tensor, read, counting)
    fit.fit(small(average={"name": "steps", "decay": 0.9}), digits())
    assert set(reads) <= {3, 6}


def test_scores_are_logged_at_the_step_of_their_weights(tmp_path):
    memory = Memory()
    intervals = {"val_check_interval": 3, "check_val_every_n_epoch": None, "limit_val_batches": 2}
    trainer(tmp_path, Scores(), steps=7, logger=memory, **intervals).fit(small(), digits())
    assert list(memory.values("val/sliced_wasserstein")) == [3, 6]
    assert list(memory.values("val/critic_gap")) == [3, 6]


def test_the_csv_file_has_a_row_for_each_logged_step(run):
    folder = run("fit", "--trainer.val_check_interval=4")
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert all(row["train/critic_loss"] and row["images_seen"] for row in rows)
    for name in KEYS:
        assert {int(row["step"]) for row in rows if row[f"val/{name}"]} == {4}, name


def test_tensorboard_has_losses_and_pictures_on_one_axis(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run("fit", "--loggers=[tensorboard]")
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Scalars("train/critic_loss")] == [2, 4]
    for name in KEYS:
        assert [event.step for event in events.Scalars(f"val/{name}")] == [2, 4]
    assert "hp_metric" not in events.Tags()["scalars"]
    pictures = events.Images("samples")
    assert [picture.step for picture in pictures] == [1, 2, 4]
    assert (pictures[0].height, pictures[0].width, 3) == pixels(folder / "samples/step_0000001.png").shape


# -- progress --


def test_the_bar_shows_step_losses_and_speed(tmp_path, capsys):
    trainer(tmp_path, Speed(), StepBar()).fit(small(), digits())
    last = capsys.readouterr().err.strip().replace("\n", "\r").split("\r")[-1]
    for text in ("WGANGP: 100%", "4/4", "step/s", "critic=", "generator=", "images/s="):
        assert text in last


def test_an_error_ends_the_bar_first(tmp_path, capsys):
    class Fail(Callback):
        def on_train_batch_end(self, *_):
            raise RuntimeError("on purpose")

    bar = StepBar()
    with pytest.raises(RuntimeError, match="on purpose"):
        trainer(tmp_path, bar, Fail()).fit(small(), digits())
    assert bar.bar is None
    assert capsys.readouterr().err.endswith("\n")


@pytest.mark.parametrize(
    ("callback", "values"),
    [
        (ImageGrid, {"every_n_steps": 0}),
        (ImageGrid, {"num_images": 0}),
        (LastCheckpoint, {"every_n_steps": 0}),
        (SampleWriter, {"grid_images": 0}),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(callback, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        callback(**values)
