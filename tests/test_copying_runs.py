"""Scores of memorisation in a run: of tests alone, against the images that were trained on."""

import json

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from callbacks import BestCheckpoint, Scores
from datamodules import DigitsDataModule
from datamodules.scaling import to_unit_range
from helpers.runs import trainer
from zoo import GAN

OPTIONS = {"image_shape": (1, 8, 8), "generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}}
NAMES = ["authenticity", "ct_score", "mifid"]


class Copying(GAN):
    """Its samples are images of a split, in order."""

    images: torch.Tensor

    def numbered(self, numbers, labels=None):
        """Return them."""
        return self.images[numbers % len(self.images)]


def copies_of(split):
    """Return a model that has learnt the digits of a split by heart, and the data."""
    data = DigitsDataModule(batch_size=90)
    data.setup()
    model = Copying(**OPTIONS)
    model.images = to_unit_range(data.splits[split].images)
    return model, data


def scores_of(folder, model, data, **options):
    """Return the scores of a test, as its file has them."""
    trainer(folder, Scores(**options)).test(model, data, verbose=False)
    return json.loads((folder / "scores.json").read_text())["scores"]


@pytest.mark.parametrize("metrics", [NAMES, [*NAMES, "fid"]])
def test_a_model_that_copies_is_seen_and_one_that_knows_other_images_is_not(tmp_path, metrics):
    copied = scores_of(tmp_path, *copies_of("train"), metrics=metrics)
    new = scores_of(tmp_path, *copies_of("val"), metrics=metrics)
    assert {*NAMES} <= copied.keys()
    assert copied["authenticity"]["generated"] < 0.05 < 0.4 < new["authenticity"]["generated"]
    assert copied["ct_score"]["generated"] < -8 < -3 < new["ct_score"]["generated"] < 3
    assert copied["mifid"]["generated"] > 100 * new["mifid"]["generated"]
    for name in NAMES:  # beside it: validation images in the generator's place
        assert copied[name]["real"] == new[name]["real"]
    same = pytest.approx(new["authenticity"]["generated"], rel=1e-6)  # of those 180 images twice
    assert new["authenticity"]["real"] == same


def test_few_training_images_are_drawn_once_and_none_leaves_these_scores_out(tmp_path):
    model, data = copies_of("train")
    some = scores_of(tmp_path, model, data, num_training=600)
    assert some == scores_of(tmp_path, model, data, num_training=600)
    assert 0.1 < some["authenticity"]["generated"] < 0.9  # copies of the other half are not seen
    assert not {*NAMES} & scores_of(tmp_path, model, data, num_training=0).keys()
    with pytest.raises(ValueError, match="num_training must be at least 0"):
        Scores(num_training=-1)


def test_a_validation_has_none_and_no_checkpoint_waits_for_one(tmp_path):
    model, data = copies_of("val")
    validated = trainer(tmp_path, Scores(), limit_val_batches=1.0)
    validated.validate(model, data, verbose=False)
    assert "val/fid" in validated.callback_metrics
    assert not {f"val/{name}" for name in NAMES} & validated.callback_metrics.keys()
    with pytest.raises(MisconfigurationException, match="of tests"):
        trainer(tmp_path, Scores(), BestCheckpoint("val/mifid")).fit(GAN(**OPTIONS), data)


def test_own_batches_come_without_training_images(tmp_path):
    """A trainer keeps the data module of an earlier call, whose training images are not theirs."""
    model, data = copies_of("val")
    tester = trainer(tmp_path, Scores(scorer="digits", metrics=[*NAMES, "fid"]))
    tester.test(model, data, verbose=False)
    loader = torch.utils.data.DataLoader([(model.images[:40],)], batch_size=None)
    tester.test(model, loader, verbose=False)
    assert not {*NAMES} & json.loads((tmp_path / "scores.json").read_text())["scores"].keys()
