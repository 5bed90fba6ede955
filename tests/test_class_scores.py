"""Scores of labels: a generator that obeys, one that exchanges two classes, one that does not listen."""

import json
import math
import re

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import Tensor

from callbacks import BestCheckpoint, Scores
from datamodules import DigitsDataModule
from datamodules.scaling import to_unit_range
from helpers.runs import small, trainer
from helpers.scorer import draw, fid_of, linear_scorer
from zoo import GAN
from zoo.scores.evaluation import Evaluation

SCORES = ["class_accuracy", "class_fid"]
CLASSES, EACH = 3, 42


def of_classes(means: Tensor) -> Tensor:
    """Images of each class in turn, the same around each mean [CLASSES]: pixel `mean` is 1 brighter, [N, 1, 2, 3]."""
    noise = draw(EACH, 6) * 0.05
    bright = torch.eye(6, dtype=torch.float64)[means]
    return (bright[:, None] + noise).flatten(0, 1).view(-1, 1, 2, 3).float()


REAL = of_classes(torch.arange(CLASSES))
LABELS = torch.arange(CLASSES).repeat_interleave(EACH)


def scores_of(fake: Tensor, labels: Tensor = LABELS, **options) -> dict[str, float]:
    evaluation = Evaluation(linear_scorer(), [*SCORES, "fid"], **({"num_labels": CLASSES} | options))
    evaluation.update_real(REAL, labels=LABELS)
    for part, of_part in zip(fake.split(50), labels.split(50), strict=True):
        evaluation.update_fake(part, labels=of_part)
    return evaluation.compute()


def test_a_generator_that_obeys():
    scores = scores_of(REAL)
    assert scores["class_accuracy"] == 1
    assert scores["class_fid"] == pytest.approx(0, abs=1e-6)


def test_a_generator_that_exchanges_two_classes_is_right_for_the_third_only():
    scores = scores_of(of_classes(torch.tensor([1, 0, 2])))
    assert scores["class_accuracy"] == pytest.approx(1 / 3)
    assert scores["class_fid"] == pytest.approx((2 + 2 + 0) / 3, rel=1e-5), "means are (1, -1) apart, covariances equal"
    assert scores["fid"] == pytest.approx(0, abs=1e-6), "all images together are as they should be"


def test_a_generator_that_does_not_listen_makes_every_class_of_all():
    order = torch.arange(CLASSES * EACH).view(EACH, CLASSES).T.flatten()  # a third of each class for each label
    fake = REAL[order]
    scores = scores_of(fake)
    assert scores["class_accuracy"] == pytest.approx(1 / 3)
    parts = [(REAL[label == LABELS].flatten(1), fake[label == LABELS].flatten(1)) for label in range(CLASSES)]
    assert scores["class_fid"] == pytest.approx(sum(float(fid_of(*part)) for part in parts) / CLASSES, rel=1e-6)
    assert scores["class_fid"] > 2 / 3, "that is how far the mean of all classes is from each"
    assert scores["fid"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("which", ["real", "fake"])
def test_class_fid_needs_more_images_of_each_class_than_there_are_features(which):
    for count, is_known in ((6, False), (7, True)):
        kept = torch.cat([torch.arange(count), torch.arange(EACH, len(REAL))])  # few of the first class
        evaluation = Evaluation(linear_scorer(), SCORES, num_labels=CLASSES)
        few, all_of_them = (REAL[kept], LABELS[kept]), (REAL, LABELS)
        real, fake = (few, all_of_them) if which == "real" else (all_of_them, few)
        evaluation.update_real(real[0], labels=real[1])
        evaluation.update_fake(fake[0], labels=fake[1])
        assert math.isnan(evaluation.compute()["class_fid"]) is not is_known


def test_a_scorer_of_other_classes_has_no_class_accuracy_and_without_labels_there_is_none():
    assert list(scores_of(REAL, num_labels=4)) == ["fid", "class_fid"]
    assert list(scores_of(REAL, num_labels=None)) == ["fid"]
    assert list(Evaluation(None, SCORES, num_labels=CLASSES).metrics) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "need labels, int64 [3], got none"),
        (torch.zeros(3), "got torch.float32 [3]"),
        (torch.tensor([0, 1]), "got torch.int64 [2]"),
        (torch.tensor([0, 1, 3]), "labels must be in [0, 3), got 0 to 3"),
        (torch.tensor([0, -1, 2]), "got -1 to 2"),
    ],
)
def test_wrong_labels_are_refused(labels, message):
    evaluation = Evaluation(linear_scorer(), SCORES, num_labels=CLASSES)
    for update in (evaluation.update_real, evaluation.update_fake):
        with pytest.raises(ValueError, match=re.escape(message)):
            update(REAL[:3], labels=labels)


# -- in a run --


class Copying(GAN):
    """Has nothing to learn: gives training images of the class that it was asked for, or of another."""

    is_conditional = True
    answers = torch.arange(10)

    def evaluation_images(self, batch) -> Tensor:
        """An image of each label's answer."""
        images, labels = self.trainer.datamodule.splits["train"]
        asked = self.answers[batch[1]]
        chosen = [(labels == label).nonzero()[i % 50, 0] for i, label in enumerate(asked)]
        return to_unit_range(images[torch.stack(chosen)])

    def test_step(self, batch, batch_idx):
        """Lightning's."""
        return self.evaluation_images(batch)

    validation_step = test_step


class Exchanging(Copying):
    """Takes 3 for 8 and 8 for 3."""

    answers = torch.tensor([0, 1, 2, 8, 4, 5, 6, 7, 3, 9])


def run(folder, model: type[GAN], *callbacks, verb: str = "test", **options):
    runs = trainer(folder, *callbacks, limit_val_batches=None, val_check_interval=2, check_val_every_n_epoch=None)
    getattr(runs, verb)(small(model, critic_steps=1, **options), DigitsDataModule(batch_size=90))
    return runs


def test_a_test_of_a_conditional_model_has_class_accuracy_beside_that_of_real_images(tmp_path, capsys):
    scores = {}
    for model in (Copying, Exchanging):
        run(tmp_path, model, Scores(), num_classes=10)
        scores[model] = json.loads((tmp_path / "scores.json").read_text())["scores"]
        assert "class_accuracy" in capsys.readouterr().out
    digits = DigitsDataModule()
    digits.setup()
    exchanged = float(sum((digits.splits["test"].labels == label).float().mean() for label in (3, 8)))
    right = scores[Copying]["class_accuracy"]["generated"]
    assert right > 0.97
    assert scores[Exchanging]["class_accuracy"]["generated"] == pytest.approx(right - exchanged, abs=0.02)
    for each in scores.values():
        assert each["class_accuracy"]["real"] > 0.97
        assert each["class_fid"] == {"generated": None, "real": None}, "36 images of each class, and 64 features"


def test_a_validation_logs_it_too_and_one_that_is_not_due_logs_nan(tmp_path):
    metrics = run(tmp_path, Copying, Scores(metrics=SCORES), verb="validate", num_classes=10).callback_metrics
    assert metrics["val/class_accuracy"] > 0.97
    later = run(tmp_path, Copying, Scores(metrics=SCORES, every_n_steps=8), verb="fit", num_classes=10)
    assert later.callback_metrics["val/class_accuracy"].isnan()


def test_other_models_have_no_scores_of_labels_and_no_checkpoint_waits_for_one(tmp_path):
    run(tmp_path, GAN, Scores())
    assert not set(SCORES) & json.loads((tmp_path / "scores.json").read_text())["scores"].keys()
    with pytest.raises(MisconfigurationException, match="val/class_fid is not computed: the model is not conditional"):
        run(tmp_path, GAN, Scores(), BestCheckpoint("val/class_fid"), verb="fit")
