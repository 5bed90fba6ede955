"""A score is that of the weights it is said of, of as many images as it says, and never made of another run's."""

import json
import logging
from datetime import timedelta

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from callbacks import Scores
from datamodules import DigitsDataModule, FolderDataModule
from helpers.data import write_images
from helpers.runs import digits, small, trainer


@pytest.mark.parametrize(
    "options",
    [
        {"every_n_train_steps": 3},
        {"train_time_interval": timedelta(seconds=1)},
        {"save_on_train_epoch_end": True},
    ],
)
def test_a_checkpoint_that_would_take_a_stale_score_is_refused(options, tmp_path):
    saving = ModelCheckpoint(dirpath=tmp_path, monitor="val/sliced_wasserstein", **options)
    runs = trainer(tmp_path, Scores(), saving, limit_val_batches=1, val_check_interval=2, check_val_every_n_epoch=None)
    with pytest.raises(MisconfigurationException, match="ModelCheckpoint that monitors val/sliced_wasserstein must"):
        runs.fit(small(), digits())


def test_a_plain_checkpoint_saves_each_state_under_its_own_score(tmp_path):
    logged = {}

    class Asked(Scores):
        """Remembers."""

        def on_validation_end(self, trainer, pl_module):
            """The score of this step."""
            logged[trainer.global_step] = float(trainer.callback_metrics["val/sliced_wasserstein"])

    saving = ModelCheckpoint(dirpath=tmp_path, monitor="val/sliced_wasserstein", save_top_k=-1, filename="{step}")
    options = {"limit_val_batches": 1, "val_check_interval": 2, "check_val_every_n_epoch": None}
    trainer(tmp_path, Asked(), saving, steps=6, **options).fit(small(), digits())
    assert {int(path.split("step=")[1][0]): float(score) for path, score in saving.best_k_models.items()} == logged


def test_an_interval_that_few_validations_meet_is_refused(tmp_path):
    options = {"limit_val_batches": 1, "val_check_interval": 2, "check_val_every_n_epoch": None}
    with pytest.raises(MisconfigurationException, match=r"every_n_steps 3 must be a multiple .*, which is 2"):
        trainer(tmp_path, Scores(every_n_steps=3), **options).fit(small(), digits())


def test_features_of_another_precision_are_not_taken(tmp_path, monkeypatch):
    """Under bf16-true the scorer sees rounded images; what it says of those is no answer for float32."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tests = []
    for precision in ("bf16-true", "32-true", "32-true"):
        if len(tests) == 2:
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))  # an empty one
        one = trainer(tmp_path, Scores(num_samples=50), precision=precision)
        one.test(small(), DigitsDataModule(batch_size=50))
        tests.append(json.loads((tmp_path / "scores.json").read_text())["scores"]["fid"])
    assert tests[0] != tests[1] == tests[2]


def test_batches_may_be_images_alone(tmp_path):
    images = torch.rand(40, 1, 8, 8) * 2 - 1
    logged = []
    for batches in (DataLoader(images, 20), DataLoader(torch.utils.data.TensorDataset(images), 20)):
        torch.manual_seed(0)
        run = trainer(tmp_path, Scores(scorer="digits"))
        logged.append(run.test(small(), batches, verbose=False)[0])
        scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
        assert all(row["real"] is None for row in scores.values())  # no training images, no column
    assert logged[0] == logged[1]


def test_without_enough_training_images_the_real_column_is_empty_and_says_why(tmp_path, caplog):
    write_images(tmp_path / "data" / "a")
    write_images(tmp_path / "data" / "b")
    data = FolderDataModule(str(tmp_path / "data"), image_size=8, channels=1, val_share=0.1, test_share=0.6)
    with caplog.at_level(logging.WARNING):
        trainer(tmp_path, Scores(scorer="digits")).test(small(), data)
    assert "No scores of real images: there are fewer to train on" in caplog.text
    assert json.loads((tmp_path / "scores.json").read_text())["scores"]["inception_score"]["real"] is None


def test_a_test_without_images_is_refused(tmp_path):
    write_images(tmp_path / "data" / "a")
    write_images(tmp_path / "data" / "b")
    data = FolderDataModule(str(tmp_path / "data"), image_size=8, channels=1, test_share=0)
    with pytest.raises(MisconfigurationException, match="FolderDataModule: there are no test images"):
        trainer(tmp_path, Scores()).test(small(), data)
