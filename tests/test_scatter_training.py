"""Pictures and scores of models of points in a run, and that models of images are left alone."""

import csv
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from PIL import Image
from torch import nn

from callbacks import Scatter, Scores
from callbacks.pictures import scatter as module
from callbacks.pictures.scatter import pixel
from datamodules import DigitsDataModule, ToyDataModule
from helpers.runs import trainer
from zoo import GAN

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:GPU available but not used"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]

SMALL = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 2}


def point_gan(**kwargs):
    torch.manual_seed(0)
    return GAN(**{"image_shape": (2, 1, 1), **SMALL} | kwargs)


def names(folder):
    return sorted(path.name for path in (folder / "samples").iterdir())


def test_pictures_are_named_by_step_and_strung_into_a_gif(tmp_path):
    callback = Scatter(every_n_steps=4, num_points=30)
    trainer(tmp_path, callback, steps=10).fit(point_gan(), ToyDataModule())
    steps = [1, 4, 8, 10]
    assert names(tmp_path) == [*(f"step_{step:07d}.png" for step in steps), "training.gif"]
    with Image.open(tmp_path / "samples" / "step_0000001.png") as picture:
        assert (picture.size, picture.mode) == ((480, 480), "RGB")
    with Image.open(tmp_path / "samples" / "training.gif") as gif:
        assert gif.n_frames == 4


def test_the_last_step_is_drawn_whatever_ended_the_training(tmp_path):
    run = trainer(tmp_path, Scatter(every_n_steps=5, num_points=20), steps=-1, max_epochs=1)
    run.fit(point_gan(), ToyDataModule(points=350))
    assert names(tmp_path) == [*(f"step_{step:07d}.png" for step in (1, 5, 7)), "training.gif"]


def test_the_picture_shows_the_models_samples_of_the_same_latents(tmp_path):
    model, callback = point_gan(), Scatter(every_n_steps=1, num_points=30, seed=3)
    run = trainer(tmp_path, callback, steps=3)
    run.fit(model, ToyDataModule())
    samples = model.sample(30, torch.Generator().manual_seed(3)).flatten(1)
    with Image.open(tmp_path / "samples" / "step_0000003.png") as picture:
        assert (np.asarray(picture)[pixel(samples)] == module.SAMPLE).all()


def test_drawing_does_not_change_the_run(tmp_path):
    weights = []
    for name, callbacks in (("with", [Scatter(every_n_steps=1, num_points=20)]), ("without", [])):
        model = point_gan()
        trainer(tmp_path / name, *callbacks, steps=4).fit(model, ToyDataModule())
        weights.append(nn.utils.parameters_to_vector(model.parameters()).detach())
    assert torch.equal(*weights)


def test_tensorboard_gets_the_picture_at_the_global_step(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, name="", version="tb")
    run = trainer(tmp_path, Scatter(every_n_steps=2, num_points=20, gif=False), steps=5, logger=logger)
    run.fit(point_gan(critic_steps=3), ToyDataModule(batch_size=20))  # three critic updates a step are one step of x
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert [event.step for event in events.Images("samples")] == [1, 2, 4, 5]
    assert names(tmp_path) == [f"step_{step:07d}.png" for step in (1, 2, 4, 5)]


class RecordingWandb(WandbLogger):
    """A WandbLogger that keeps pictures instead of opening a run."""

    def __init__(self):
        Logger.__init__(self)
        self.pictures = []

    def log_image(self, key, images, step=None, **kwargs):  # noqa: D102
        self.pictures.append((key, images[0].size, step))

    def log_metrics(self, metrics, step=None):  # noqa: D102
        pass

    log_hyperparams = after_save_checkpoint = finalize = lambda self, *args, **kwargs: None
    name = version = save_dir = property(lambda self: None)


def test_weights_and_biases_gets_the_picture_at_the_global_step(tmp_path):
    logger = RecordingWandb()
    callbacks = [Scatter(every_n_steps=2, num_points=20)]
    trainer(tmp_path, *callbacks, steps=3, logger=logger).fit(point_gan(), ToyDataModule())
    assert logger.pictures == [("samples", (480, 480), step) for step in (1, 2, 3)]


def test_validation_counts_modes_at_the_step_of_the_weights(tmp_path):
    logger = CSVLogger(tmp_path, name="", version="")
    run = trainer(tmp_path, Scatter(num_points=20), steps=8, limit_val_batches=1.0, val_check_interval=4, logger=logger)
    run.fit(point_gan(), ToyDataModule())
    with (tmp_path / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("val/modes_covered")]
    assert [int(float(row["step"])) for row in rows] == [4, 8]
    for row in rows:
        assert float(row["val/modes_covered"]) in (0, 1, 2)
        assert 0 <= float(row["val/high_quality"]) <= 1


class Perfect(nn.Module):
    """A generator that hits both centres in turn."""

    def forward(self, latents):  # noqa: D102
        sign = 1 - 2 * (torch.arange(len(latents)) % 2)
        return (0.6 * sign)[:, None].expand(-1, 2).reshape(-1, 2, 1, 1).float()


def test_a_test_tells_what_real_points_get(tmp_path):
    data = ToyDataModule("ring", points=800)
    data.batch_size = 40
    trainer(tmp_path, Scores(), Scatter()).test(point_gan(), data, verbose=False)
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert scores["modes_covered"]["real"] == 8
    assert scores["high_quality"]["real"] == pytest.approx(1 - math.exp(-4.5), abs=0.02)


def test_scores_of_a_perfect_generator_in_validation_and_test(tmp_path):
    model = point_gan()
    model.generator = Perfect()
    model.trained_steps = 7
    run = trainer(tmp_path, Scatter(num_points=20), limit_val_batches=1.0)
    for verb, stage in ((run.validate, "val"), (run.test, "test")):
        (result,) = verb(model, ToyDataModule(), verbose=False)
        assert result[f"{stage}/modes_covered"] == 2
        assert result[f"{stage}/high_quality"] == 1
    assert names(tmp_path) == ["test.png"]


def test_models_of_images_are_left_alone(tmp_path):
    model = GAN(image_shape=(1, 8, 8), **SMALL)
    run = trainer(tmp_path, Scatter(every_n_steps=1), steps=2, limit_val_batches=1.0, val_check_interval=1)
    run.fit(model, DigitsDataModule())
    run.test(model, DigitsDataModule(), verbose=False)
    assert not (tmp_path / "samples").exists()
    assert not any("modes" in name for name in run.callback_metrics)


def test_points_whose_centres_are_unknown_are_drawn_but_not_counted(tmp_path):
    data = ToyDataModule()
    data.setup()
    del data.centres
    run = trainer(tmp_path, Scatter(num_points=20), steps=1, limit_val_batches=1.0, val_check_interval=1)
    run.fit(point_gan(), data)
    assert names(tmp_path) == ["step_0000001.png"]
    assert "val/modes_covered" not in run.callback_metrics


def test_only_rank_0_draws(tmp_path):
    elsewhere = SimpleNamespace(is_global_zero=False, default_root_dir=str(tmp_path), fast_dev_run=False, global_step=1)
    callback = Scatter()
    callback.draw(elsewhere, point_gan(), "step_0000001", 1)
    callback.on_train_end(elsewhere, point_gan())
    assert not (tmp_path / "samples").exists()


@pytest.mark.parametrize("kwargs", [{"every_n_steps": 0}, {"num_points": 0}])
def test_bad_arguments_are_named_at_once(kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        Scatter(**kwargs)
