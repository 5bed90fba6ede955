"""Each validation's scores are one line, the best marked, and the end of a run says which it was."""

import logging

import pytest
import torch
from lightning.pytorch import Callback

from callbacks import BestCheckpoint, ScoreLines, Scores
from callbacks.checkpoints.best_checkpoint import score_that_chooses
from helpers.runs import digits, small, trainer
from zoo import GAN

OFTEN = {"limit_val_batches": 1, "val_check_interval": 2, "check_val_every_n_epoch": None}


class Given(Callback):
    """Log made-up scores, one of each name at each validation."""

    def __init__(self, **scores):
        self.scores = scores

    def on_validation_end(self, trainer, pl_module):
        """Put them where a score's watchers look."""
        for name, values in self.scores.items():
            trainer.callback_metrics[f"val/{name}"] = torch.tensor(float(values[trainer.global_step // 2 - 1]))


def lines(folder, caplog, *callbacks, steps=8):
    """Train; return the lines and who wrote them."""
    writer = ScoreLines()
    saving = any(isinstance(each, BestCheckpoint) for each in callbacks)
    run = trainer(folder, *callbacks, writer, steps=steps, enable_checkpointing=saving, **OFTEN)
    with caplog.at_level(logging.INFO, logger="lightning.pytorch.ganzoo"):
        run.fit(small(GAN, critic_steps=1), digits())
    return [each.getMessage() for each in caplog.records if each.getMessage().startswith("step ")], writer


def test_the_best_is_marked_where_it_comes(caplog, tmp_path):
    given = Given(fid=[9, 7, 8, float("nan")], recall=[0.1, 0.2, 0.3, 0.4])
    found, writer = lines(tmp_path, caplog, given)
    assert found == [
        "step 2: fid 9, recall 0.1",
        "step 4: fid 7 (best so far), recall 0.2",
        "step 6: fid 8, recall 0.3",
        "step 8: recall 0.4",
    ]
    assert (writer.best.step, writer.best.scores["fid"], writer.last.step) == (4, 7.0, 8)


def test_what_chooses_the_checkpoint_stands_first_and_is_the_best(caplog, tmp_path):
    given = Given(fid=[9, 7, 8, 9], made_up=[1, 3, 2, 3])
    found, writer = lines(tmp_path, caplog, given, BestCheckpoint("val/made_up", "max"))
    assert found[1] == "step 4: made_up 3 (best so far), fid 7"
    assert found[3] == "step 8: made_up 3, fid 9"
    assert writer.best.step == 4
    saved = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert saved["global_step"] == 4


def test_a_run_without_scores_has_no_lines(caplog, tmp_path):
    found, writer = lines(tmp_path, caplog, steps=2)
    assert (found, writer.best, writer.last) == ([], None, None)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"scorer": "digits"}, "fid"),
        ({"scorer": "digits", "metrics": ["kid", "sliced_wasserstein"]}, "sliced_wasserstein"),
        ({"scorer": "digits", "metrics": ["kid"]}, "kid"),
        ({"metrics": ["sliced_wasserstein"]}, "sliced_wasserstein"),
    ],
)
def test_fid_chooses_where_there_is_a_scorer(options, name, tmp_path):
    scores, saving = Scores(**options), BestCheckpoint()
    run = trainer(tmp_path, scores, saving, steps=2, enable_checkpointing=True, **OFTEN)
    run.fit(small(GAN, critic_steps=1), digits())
    assert score_that_chooses(scores) == name
    assert saving.monitor == f"val/{name}"
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()


def test_fit_ends_with_the_scores_the_best_step_and_every_path(run, capsys):
    folder = run("fit")
    out = capsys.readouterr().out
    _, end = out.split("\n\n", 1)
    rows = [line.split(":", 1) for line in end.strip().splitlines()]
    assert [name for name, _ in rows] == [
        "scores",
        "best",
        "beside",
        "no result",
        "run folder",
        "samples",
        "bundle",
        "report",
    ]
    told = {name: text.strip() for name, text in rows}
    assert told["scores"].startswith("fid ")
    assert told["scores"].endswith("(step 4)")
    assert told["best"].startswith("fid ")
    assert told["best"].endswith(f"{folder.name}/checkpoints/best.ckpt")
    assert told["beside"].startswith("real training images ")
    assert "blurred" in told["no result"]  # after four steps
    assert len({line.index(text.strip()) for line, (_, text) in zip(end.strip().splitlines(), rows, strict=True)}) == 1
