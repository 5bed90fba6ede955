"""Loaders that a Trainer gets from a data module: batches, their order, their range."""

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule

from datamodules import (
    DigitsDataModule,
)
from datamodules.scaling import to_unit_range
from helpers.data import small_mnist, write_mnist
from helpers.runs import trainer


class Recorder(LightningModule):
    """Takes `batches_per_step` batches a step, counts steps as a GAN does, keeps what it was given."""

    def __init__(self, batches_per_step=None):
        super().__init__()
        if batches_per_step:
            self.batches_per_step = batches_per_step
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []
        self.validated = []

    def training_step(self, batch, _):  # noqa: D102
        self.seen.append(batch)
        return self.weight * 0

    def validation_step(self, batch, _):  # noqa: D102
        self.validated.append(batch)

    def predict_step(self, batch, _):  # noqa: D102
        return batch

    def configure_optimizers(self):  # noqa: D102
        return torch.optim.SGD([self.weight], lr=0.1)


@pytest.mark.parametrize(("batches_per_step", "expected"), [(None, 4), (1, 4), (5, 20)])
def test_a_training_batch_holds_batch_size_images_for_each_critic_update(tmp_path, batches_per_step, expected):
    write_mnist(tmp_path)
    module = Recorder(batches_per_step)
    trainer(tmp_path, steps=3).fit(module, small_mnist(tmp_path, batch_size=4))
    assert len(module.seen) == 3
    for images, labels in module.seen:
        assert images.shape == (expected, 1, 28, 28)
        assert images.dtype == torch.float32
        # the picture of number i is filled with i, whose label is i % 10
        numbers = ((images[:, 0, 0, 0] + 1) * 127.5).round().long()
        assert torch.equal(numbers % 10, labels)
        assert len(set(numbers.tolist())) == expected


def test_the_seed_alone_orders_the_training_images(tmp_path, monkeypatch):
    write_mnist(tmp_path)

    def labels(seed):
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        module = Recorder()
        trainer(tmp_path, steps=10).fit(module, small_mnist(tmp_path, batch_size=4))
        return torch.cat([images[:, 0, 0, 0] for images, _ in module.seen]).tolist()

    first = labels(1)
    assert labels(1) == first
    assert labels(2) != first


def test_validation_covers_the_whole_split_scaled(tmp_path):
    write_mnist(tmp_path)
    data, module = small_mnist(tmp_path, batch_size=3), Recorder()
    trainer(tmp_path, limit_val_batches=1.0).validate(module, data, verbose=False)
    images = torch.cat([images for images, _ in module.validated])
    assert torch.equal(images, to_unit_range(data.splits["val"].images))


def test_prediction_counts_the_samples_and_leaves_the_numbers_alone(tmp_path):
    batches = trainer(tmp_path).predict(Recorder(), DigitsDataModule(batch_size=4, predict_samples=10))
    assert [batch.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_too_few_images_for_one_step_is_an_error_that_says_what_to_lower(tmp_path):
    write_mnist(tmp_path)
    fit = trainer(tmp_path, steps=1).fit
    with pytest.raises(MisconfigurationException) as error:
        fit(Recorder(5), small_mnist(tmp_path, batch_size=8))
    message = str(error.value)
    assert "\n" not in message
    assert "40 images" in message
    assert "there are 32" in message
    assert "batch_size" in message
