"""Each callback says itself whether a run needs it."""

import pytest
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar

import callbacks
import zoo
from commands.run_callbacks import CALLBACKS, is_needed, left_out
from helpers.models import build

ALWAYS = {"Scores", "Guard", "Speed", "StepBar", "BestCheckpoint", "LastCheckpoint"}
FIT = {"Floors", "ScoreLines", "Validations"}
POINTS = {"image_shape": (2, 1, 1), "network": "toy"}


@pytest.mark.parametrize(
    ("options", "command", "also"),
    [
        ({}, "fit", {"ImageGrid"} | FIT),
        ({}, "predict", {"ImageGrid", "SampleWriter"}),
        (POINTS, "fit", {"Scatter"} | FIT),
        ({"prior": "gaussian_mixture", "prior_options": {"components": 2}}, "test", {"ImageGrid", "LabelGrid"}),
    ],
)
def test_a_run_has_the_callbacks_that_its_model_and_command_need(options, command, also):
    model = build(zoo.GAN, **options)
    assert {name for name in CALLBACKS if is_needed(getattr(callbacks, name)(), model, command)} == ALWAYS | also


def test_what_is_off_by_default_is_needed_where_it_is_asked_for():
    model = build(zoo.GAN)
    for callback in (callbacks.Compile(losses=True), EarlyStopping("val/fid")):
        assert is_needed(callback, model, "fit")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, set()),
        ({"enable_progress_bar": False}, {"step_bar"}),
        ({"callbacks": [TQDMProgressBar()]}, {"step_bar"}),
        ({"callbacks": EarlyStopping("val/fid")}, set()),
        ({"enable_checkpointing": False}, {"best_checkpoint", "last_checkpoint"}),
    ],
)
def test_the_trainers_options_leave_out_what_says_so(options, names):
    assert left_out(options) == names
