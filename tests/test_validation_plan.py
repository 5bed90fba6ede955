"""Validations of a run: an early first time, then about as often whatever its length, resumed or not."""

import pytest
import yaml

import zoo
from callbacks import LastCheckpoint, Scores, Validations
from callbacks.validations import interval_of
from commands.validation_plan import plan
from helpers.runs import Memory, digits, small, trainer

RECIPE = {"trainer": {"max_steps": 12_000, "val_check_interval": 2000}}
DEFAULT = 1000


def planned(*files, count=None, first=None, given=False, **words):
    """The plan of files and words: later ones win, as in the command."""
    settings = {"val_check_interval": DEFAULT, "max_steps": -1}
    for content in files:
        settings |= content.get("trainer", {})
    return plan(settings | words, files, count, first, given)


@pytest.mark.parametrize(
    ("files", "words", "interval"),
    [
        ([RECIPE], {}, 2000),  # what the recipe says
        ([RECIPE], {"max_steps": 300}, 50),  # a sixth, as in the recipe
        ([RECIPE], {"max_steps": 3}, 1),
        ([RECIPE], {"max_steps": 1}, 1),
        ([RECIPE], {"max_steps": 1_200_000}, 200_000),
        ([RECIPE, {"trainer": {"max_steps": 600}}], {}, 100),  # a file that changes the steps
        ([RECIPE, {"trainer": {"val_check_interval": 70}}], {"max_steps": 600}, 70),  # one that says when
        ([RECIPE], {"val_check_interval": 70, "given": True}, 70),
        ([RECIPE], {"val_check_interval": 70, "max_steps": 30, "given": True}, 70),
        ([], {"max_steps": 500}, 50),  # ten where nothing is said
        ([{"model": {}}], {"max_steps": 7000}, 700),
        ([], {}, DEFAULT),  # no end in sight
        ([RECIPE], {"max_steps": -1}, 2000),
        ([RECIPE], {"max_steps": -1, "max_epochs": 3}, 2000),  # the callback will know the steps
        ([RECIPE], {"count": 4}, 3000),
        ([RECIPE], {"count": 4, "max_steps": 400}, 100),
        ([RECIPE], {"count": 0, "max_steps": 400}, 2000),
        ([{"trainer": {"val_check_interval": 0.25, "max_steps": 100}}], {}, 0.25),
        ([{"trainer": {"val_check_interval": "00:00:01:00"}}], {}, "00:00:01:00"),
        ([{"trainer": {"val_check_interval": 20, "check_val_every_n_epoch": 2}}], {"max_steps": 9000}, 20),
    ],
)
def test_a_file_s_interval_is_a_share_of_its_steps(files, words, interval):
    assert planned(*files, **words).interval == interval


def test_an_interval_that_does_not_divide_the_steps_is_kept_unless_they_change():
    odd = {"trainer": {"max_steps": 39_063, "val_check_interval": 2000}}
    assert planned(odd) == (2000, 20, 25)
    assert planned(odd, max_steps=20_000).interval == 1000


def test_the_first_validation_is_early():
    assert planned(RECIPE).first == 25
    assert planned(RECIPE, max_steps=300).first == 5
    assert planned(RECIPE, max_steps=30).first == 0  # every 5 steps is early enough
    assert planned(RECIPE, first=3).first == 3
    assert planned(RECIPE, val_check_interval=70, given=True).first == 0
    assert planned(RECIPE, val_check_interval=70, given=True, first=2).first == 2


@pytest.mark.parametrize("words", [{}, {"max_steps": 300}, {"val_check_interval": 70, "given": True}, {"count": 3}])
def test_a_run_s_own_configuration_says_the_same_again(words):
    """What is resumed by `--config RUN/config.yaml` is validated where it was."""
    once = planned(RECIPE, **words)
    steps = words.get("max_steps", RECIPE["trainer"]["max_steps"])
    own = {"trainer": {"max_steps": steps, "val_check_interval": once.interval}}
    assert planned(own, count=once.times, first=once.first) == once


@pytest.mark.parametrize(
    ("exact", "steps", "interval"),
    [(50, 300, 50), (1000 / 6, 1000, 200), (404.8, 2429, 347), (100, 997, 100), (0.4, 3, 1), (16_667, 10**5, 20_000)],
)
def test_the_last_step_is_validated_where_an_interval_near_by_ends_there(exact, steps, interval):
    assert interval_of(exact, steps) == interval


def fit(folder, *, steps=12, resume=None, count=0, **options):
    """Train; return at which steps the scores were logged."""
    memory = Memory()
    options = {"val_check_interval": 5, "check_val_every_n_epoch": None, "limit_val_batches": 1} | options
    watching = [Scores(metrics=["sliced_wasserstein"]), Validations(first=2, count=count)]
    player = trainer(folder, *watching, LastCheckpoint(every_n_steps=1), steps=steps, logger=memory, **options)
    player.fit(small(zoo.GAN, critic_steps=1), digits(batch_size=200), ckpt_path=resume)
    return list(memory.values("val/sliced_wasserstein"))


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_a_resumed_run_is_validated_where_the_run_that_never_stopped_is(stop, tmp_path):
    assert fit(tmp_path / "whole") == [2, 5, 10]
    first = fit(tmp_path / "half", steps=stop)
    rest = fit(tmp_path / "rest", resume=tmp_path / "half" / "checkpoints" / "last.ckpt")
    assert first + rest == [2, 5, 10]


def test_epochs_that_end_before_the_steps_are_cut_too(tmp_path):
    """1,257 training images in batches of 200: 6 steps an epoch."""
    assert fit(tmp_path, steps=10_000, max_epochs=2, count=4) == [2, 3, 6, 9, 12]


def test_no_validation_is_made_where_there_is_nothing_to_validate(tmp_path):
    assert fit(tmp_path, limit_val_batches=0) == []


def test_the_command_says_when_and_its_configuration_too(run, capsys):
    folder = run("fit", "--trainer.max_steps=20")
    assert "validated every 10 steps, the first time at step 1\n" in capsys.readouterr().err
    kept = yaml.safe_load((folder / "config.yaml").read_text())
    assert kept["trainer"]["val_check_interval"] == 10
    assert kept["validations"] == {"first": 1, "count": 2}
