"""`metrics.csv`: one row a step, whatever is logged in whichever order."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.loggers import TensorBoard
from commands.step_table import StepTable

CALLS = st.lists(
    st.tuples(st.integers(0, 1), st.dictionaries(st.sampled_from("abcd"), st.integers(-9, 99999), min_size=1)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(CALLS, st.booleans())
def test_the_file_holds_each_step_once_with_the_last_of_each_value(tmp_path_factory, calls, at_once):
    folder = tmp_path_factory.mktemp("table")
    logger, step, expected = StepTable(str(folder), name="", version=""), 0, {}
    for further, values in calls:
        step += further
        logger.log_metrics(values, step)
        expected.setdefault(step, {}).update(values)
        if at_once:  # as Lightning does after every row
            logger.save()
            assert rows(folder) == expected
    logger.finalize("success")
    assert rows(folder) == expected


def rows(folder):
    """Return the values of each step."""
    with (folder / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len({row["step"] for row in table}) == len(table)
    return {int(row.pop("step")): {key: int(value) for key, value in row.items() if value} for row in table}


def test_a_table_that_cannot_be_widened_stays_as_it_was(tmp_path, monkeypatch):
    from commands import step_table

    logger = StepTable(str(tmp_path), name="", version="")
    logger.log_metrics({"a": 1.0}, 1)
    logger.save()
    before = (tmp_path / "metrics.csv").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step_table, "whole_file", full)
    logger.log_metrics({"b": 2.0}, 2)
    with pytest.raises(OSError, match="No space"):
        logger.save()
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_tensorboard_s_table_names_scores_that_come_later(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    logger = TensorBoard(str(tmp_path), name="", version="")
    logger.log_hyperparams({"latent_dim": 8, "optimizer": {"lr": 0.5}})
    logger.log_metrics({"val/fid": 3.0}, 7)
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("val/fid")] == [(7, 3.0)]
    assert events.Tags()["scalars"] == ["val/fid"]
    held = events.SummaryMetadata("_hparams_/experiment").plugin_data.content
    names = [each.name.tag for each in HParamsPluginData.FromString(held).experiment.metric_infos]
    assert names == ["val/fid", "val/sliced_wasserstein"]
    started = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    assert started.session_start_info.hparams["latent_dim"].number_value == 8
    assert started.session_start_info.hparams["optimizer/lr"].number_value == 0.5
