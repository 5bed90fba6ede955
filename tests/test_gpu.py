"""Tests that need a GPU: a training step never waits for it, and the command line trains there."""

import csv

import pytest
import torch
from lightning.pytorch import Callback, Trainer

import zoo
from datamodules import DigitsDataModule

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype"),
    pytest.mark.filterwarnings("ignore:The CUDA Graph is empty"),  # torch makes one, and keeps the warning to itself
]


def rows_of(folder):
    return list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))


class NoWaiting(Callback):
    """Lets torch raise an error wherever a step would wait for the device, after two steps of warming up."""

    def __init__(self):
        self.rounds = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        """Begins to watch."""
        source = trainer.fit_loop._combined_loader.flattened[0].dataset.data
        assert source.images.is_cuda, "small data lies on the device"
        if 2 <= trainer.global_step < trainer.max_steps - 1:  # the last one is logged
            torch.cuda.set_sync_debug_mode("error")
            self.rounds += 1

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Validation and logging may wait."""
        torch.cuda.set_sync_debug_mode("default")

    def on_exception(self, trainer, pl_module, exception):
        """What is told of the error may wait."""
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("cls", [zoo.GAN, zoo.WGAN, zoo.WGANGP, zoo.DeLiGAN], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_round_that_is_not_logged_waits_for_nothing(cls, precision):
    data, watch = DigitsDataModule(batch_size=8), NoWaiting()
    model = cls(image_shape=data.image_shape, generator_options={"hidden": [8]}, critic_options={"hidden": [8]})
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    try:
        Trainer(
            max_steps=6,
            accelerator="gpu",
            devices=1,
            precision=precision,
            log_every_n_steps=100,
            limit_val_batches=0,
            callbacks=[watch],
            **quiet,
        ).fit(model, data)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert watch.rounds == 3
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("compile_", ["false", "true"])
def test_the_command_trains_there(compile_, run):
    folder = run("fit", "--trainer.accelerator=gpu", f"--compile.losses={compile_}")
    assert any(row.get("train/critic_loss") for row in rows_of(folder))
    assert (folder / "checkpoints" / "last.ckpt").is_file()


def test_runs_after_the_first_take_its_features_of_real_images(run):
    """They are read to the CPU; the model is not there."""
    first, second = (run("fit", "--trainer.accelerator=gpu") for _ in range(2))
    scores = [[float(row["val/fid"]) for row in rows_of(each) if row["val/fid"]] for each in (first, second)]
    assert len(scores[0]) == 2
    assert scores[0] == pytest.approx(scores[1], rel=1e-2)
    run("test", "--trainer.accelerator=gpu", f"--ckpt_path={second / 'checkpoints' / 'last.ckpt'}")
