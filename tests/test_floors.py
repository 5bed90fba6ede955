"""Before training a run says what real images, blurred ones and noise get, and whether its score tells them apart."""

import logging

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from callbacks import BestCheckpoint, Floors, Scores
from callbacks.scoring.floors import kinds_of, say_if_by_chance
from datamodules import FolderDataModule
from helpers.data import write_images
from helpers.runs import digits, small, trainer
from zoo import GAN
from zoo.scores.scorers import load_scorer

OFTEN = {"limit_val_batches": 1, "val_check_interval": 2, "check_val_every_n_epoch": None}


def said(caplog, folder, *callbacks, data=None, model=None, **options):
    """Train for a step; return what Floors said, as (level, message)."""
    run = trainer(folder, *callbacks, Floors(), steps=1, **OFTEN | options)
    with caplog.at_level(logging.INFO, logger="lightning.pytorch.ganzoo"):
        run.fit(model or small(GAN, critic_steps=1), data or digits())
    floors = [each for each in caplog.records if "real training images" in each.getMessage()]
    return [(each.levelname, each.getMessage()) for each in floors]


def test_real_images_stand_out_through_a_good_scorer(caplog, tmp_path):
    ((level, message),) = said(caplog, tmp_path, Scores())
    assert level == "INFO"
    assert message.startswith("val/fid of 180 images: real training images ")
    real, blurred, noise = (float(part.split()[-1]) for part in message.split(","))
    assert 0 < 10 * real < min(blurred, noise)


def test_few_images_and_pixels_alone_are_warned_of(caplog, tmp_path):
    """Pictures of one colour each: blurred, they are the same."""
    write_images(tmp_path / "photos", 40)
    data = FolderDataModule(str(tmp_path / "photos"), image_size=8, val_share=0.25, batch_size=4)
    model = small(GAN, critic_steps=1, image_shape=(3, 8, 8))
    ((level, message),) = said(caplog, tmp_path, Scores(), data=data, model=model)
    assert level == "WARNING"
    assert "val/sliced_wasserstein cannot tell good samples from bad ones here" in message
    assert "against 10 held-out images" in message
    assert "val_share" in message
    assert "--scores.scorer" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("callbacks", "options"),
    [
        ([], {}),
        ([Scores(), BestCheckpoint("val/recall", "max")], {}),  # no distance
        ([Scores(metrics=["precision_recall"])], {}),
        ([Scores(num_samples=1)], {}),
        ([Scores()], {"limit_val_batches": 0}),
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_say(callbacks, options, caplog, tmp_path):
    saving = {"enable_checkpointing": any(isinstance(each, ModelCheckpoint) for each in callbacks)}
    assert said(caplog, tmp_path, *callbacks, **options | saving) == []


def test_the_score_that_chooses_is_the_one_that_is_looked_at(caplog, tmp_path):
    ((_, message),) = said(caplog, tmp_path, Scores(), BestCheckpoint("val/kid"), enable_checkpointing=True)
    assert message.startswith("val/kid of 180 images")


def test_training_is_the_same_without(caplog, tmp_path):
    weights = []
    for callbacks in ([Scores()], [Scores(), Floors()]):
        model = small(GAN, critic_steps=1)
        torch.manual_seed(1)
        trainer(tmp_path, *callbacks, steps=3, **OFTEN).fit(model, digits())
        weights.append(torch.cat([each.detach().flatten() for each in model.parameters()]))
        weights.append(torch.rand(1))
    assert torch.equal(weights[0], weights[2])
    assert torch.equal(weights[1], weights[3])  # torch's own random numbers, too


def test_the_kinds_are_as_they_are_called():
    real = torch.rand(5, 3, 32, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    kinds = kinds_of(real, torch.Generator().manual_seed(0))
    assert {kind: images.shape for kind, images in kinds.items()} == dict.fromkeys(kinds, real.shape)
    assert torch.equal(kinds["real"], real)
    assert kinds["blurred"].std() < 0.2 * real.std()
    torch.testing.assert_close(kinds["blurred"].mean((1, 2, 3)), real.mean((1, 2, 3)), atol=0.05, rtol=0)
    assert float(kinds["noise"].abs().max()) <= 1
    assert abs(float(kinds["noise"].std()) - 3**-0.5) < 0.02


@pytest.mark.parametrize(("turned", "warned"), [(0, False), (1, True)])
def test_a_scorer_that_is_right_by_chance_is_warned_of(turned, warned, caplog):
    """A good scorer asked for the classes of other images is as good as chance."""
    data = digits()
    data.setup()
    held_out = data.splits["val"]
    with caplog.at_level(logging.WARNING):
        images = held_out.images.float() / 127.5 - 1
        say_if_by_chance(load_scorer("digits"), images, (held_out.labels + turned) % 10, data)
    assert ("by chance it would be about 10 %" in caplog.text) == warned


@pytest.mark.parametrize(
    ("found", "value", "is_a_result"),
    [
        ({"real": 0.1, "blurred": 4.0, "noise": 9.0}, 1.9, True),
        ({"real": 0.1, "blurred": 4.0, "noise": 9.0}, 2.0, False),
        ({"real": 2.0, "blurred": 4.0, "noise": 3.0}, 3.0, True),  # real images do not stand out: who knows
        ({}, 3.0, True),
    ],
)
def test_samples_that_are_hardly_better_than_blurred_pictures_are_no_result(found, value, is_a_result):
    floors = Floors()
    floors.found = found
    assert floors.is_a_result(value) == is_a_result
