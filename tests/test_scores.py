"""The callback that scores a run: what is logged when, what is kept, what a test writes."""

import json
import math
import pickle

import pytest
import torch
from lightning.pytorch import Trainer
from torch.testing import assert_close
from torch.utils.data import DataLoader

from callbacks import Scores
from callbacks.scoring.feature_cache import FeatureFile
from callbacks.scoring.score_table import write
from datamodules import DigitsDataModule, ToyDataModule
from helpers.runs import trainer
from helpers.scorer import KEYS
from zoo import GAN
from zoo.scores.classifier import Scored


def run(folder, callback: Scores, verb: str, data, **options) -> Trainer:
    torch.manual_seed(0)
    model = GAN(image_shape=data.image_shape, generator_options={"hidden": [8]}, critic_options={"hidden": [8]})
    often = {"limit_val_batches": 1.0, "val_check_interval": 2, "check_val_every_n_epoch": None}
    player = trainer(folder, callback, **often | options)
    getattr(player, verb)(model, data)
    return player


def test_a_validation_logs_every_score_of_the_data_sets_own_scorer(tmp_path):
    callback = Scores()
    metrics = run(tmp_path, callback, "fit", DigitsDataModule(batch_size=90)).callback_metrics
    assert callback.scorer.name == "digits"
    assert callback.samples == 180
    assert {f"val/{key}" for key in KEYS} <= metrics.keys()
    assert all(metrics[f"val/{key}"].isfinite() for key in KEYS)


def test_real_images_are_looked_at_once_in_a_run(tmp_path):
    class Counting(Scores):
        def setup(self, trainer, pl_module, stage):
            super().setup(trainer, pl_module, stage)
            self.seen = 0
            self.scorer.register_forward_hook(lambda *_: setattr(self, "seen", self.seen + 1))

    callback = Counting()
    run(tmp_path, callback, "fit", DigitsDataModule(batch_size=90))
    assert callback.seen == 2 + 2 * 2  # two batches of real images, and two of fakes at each of two validations


@pytest.mark.parametrize(("verb", "real", "fake"), [("fit", 180, 360), ("test", 360 + 360 + 1257 + 180, 360)])
def test_the_next_run_asks_the_scorer_about_generated_images_only(verb, real, fake, tmp_path):
    asked = []

    class Asked(Scores):
        def setup(self, trainer, pl_module, stage):
            super().setup(trainer, pl_module, stage)
            asked.append(0)
            self.scorer.register_forward_hook(lambda scorer, args, output: asked.append(asked.pop() + len(args[0])))

    metrics = [run(tmp_path, Asked(), verb, DigitsDataModule(batch_size=90)).callback_metrics for _ in range(2)]
    assert asked == [
        real + fake,
        fake,
    ]  # at two validations; a test looks at all splits
    assert metrics[0].keys() == metrics[1].keys()
    assert_close(metrics[0], metrics[1], rtol=0, atol=0, equal_nan=True)


def test_features_are_never_taken_from_the_cache_for_batches_of_another_loader(tmp_path, monkeypatch):
    """They may come in any order and in other sizes; the trainer keeps the data module of the call before."""
    images = torch.rand(25, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    columns = []
    for cached_batch_size in (10, 30):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / str(cached_batch_size)))
        data = DigitsDataModule(batch_size=cached_batch_size)
        runs = run(tmp_path, Scores(num_samples=25, scorer="digits", metrics=["fid"]), "test", data)
        loader = DataLoader([(part,) for part in images.split([10, 5, 10])], batch_size=None)
        runs.test(runs.lightning_module, loader, verbose=False)
        columns.append(json.loads((tmp_path / "scores.json").read_text())["scores"]["fid"])
    assert columns[0] == columns[1]


def test_a_callback_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(Scores(num_samples=7))).num_samples == 7


def test_zeros_in_cached_features_change_no_score(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = run(tmp_path, Scores(), "fit", DigitsDataModule(batch_size=90)).callback_metrics
    (file,) = (tmp_path / "cache").glob("ganzoo/*.answers")
    content = bytearray(file.read_bytes())
    content[2000:6000] = bytes(4000)
    file.write_bytes(content)
    with caplog.at_level("WARNING", logger="lightning.pytorch.ganzoo"):
        second = run(tmp_path, Scores(), "fit", DigitsDataModule(batch_size=90)).callback_metrics
    assert "wrong checksum" in caplog.text
    assert first["val/fid"] == second["val/fid"]
    assert file.read_bytes() != content  # written anew


def test_features_that_cannot_be_cached_do_not_fail_a_run(scorer, tmp_path, monkeypatch, caplog):
    (tmp_path / "ganzoo").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = FeatureFile(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), scorer, (0, 1, 1, 1))
    file.add(0, Scored(torch.rand(1, 6), torch.rand(1, 3)))
    with caplog.at_level("INFO", logger="lightning.pytorch.ganzoo"):
        file.save()
    assert "the next run will ask the scorer again" in caplog.text


def test_a_validation_logs_what_was_asked_for(tmp_path):
    metrics = run(tmp_path, Scores(metrics=["fid", "precision_recall"]), "fit", DigitsDataModule(batch_size=90))
    logged = {key for key in metrics.callback_metrics if key.startswith("val/") and "critic" not in key}
    assert logged == {"val/fid", "val/precision", "val/recall"}


def test_no_more_samples_than_asked_for_and_no_stale_score(tmp_path):
    callback = Scores(num_samples=100, every_n_steps=8)
    metrics = run(tmp_path, callback, "fit", DigitsDataModule(batch_size=64)).callback_metrics
    assert callback.samples == 100
    assert metrics["val/sliced_wasserstein"] > 0
    assert all(metrics[f"val/{key}"].isnan() for key in KEYS[:-1])  # validations are at 2 and 4
    for name in ("num_samples", "every_n_steps"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            Scores(**{name: 0})


def test_a_test_names_its_scorer_and_data_without_one_has_pixels_only(tmp_path, capsys):
    run(tmp_path, Scores(), "test", DigitsDataModule(batch_size=120))
    result = json.loads((tmp_path / "scores.json").read_text())
    assert (result["scorer"], result["samples"]) == ("digits", 360)
    assert set(KEYS) <= result["scores"].keys()
    assert result["scores"]["fid"]["generated"] > 10 * result["scores"]["fid"]["real"]
    assert result["scores"]["inception_score"]["real"] > 9
    assert "scorer: digits" in capsys.readouterr().out
    run(tmp_path, Scores(), "test", ToyDataModule())
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["scorer"] is None
    assert not {"fid", "inception_score"} & result["scores"].keys()


def test_scores_that_are_no_numbers_are_null(tmp_path):
    write(tmp_path / "scores.json", {"scores": {"fid": {"generated": math.nan, "real": math.inf}}, "step": 1})
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "scores": {"fid": {"generated": None, "real": None}},
        "step": 1,
    }
