"""What watches a run: what it counts, logs, writes and says, and when."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from callbacks import GeneratorEMA, Guard, ImageGrid, LastCheckpoint, SampleWriter, Scores, Speed, StepBar
from callbacks.pictures.image_grid import grid_picture, to_bytes
from datamodules import DigitsDataModule, Images, ToyDataModule
from helpers.data import small_mnist, write_mnist
from helpers.runs import BATCH, CRITIC_STEPS, Memory, digits, pixels, small, trainer
from helpers.scorer import KEYS
from zoo import GAN
from zoo.scores.sliced_wasserstein import SlicedWasserstein

# -- what is logged, and when --


def test_values_are_logged_at_the_logged_steps_alone(tmp_path):
    memory = Memory()
    trainer(tmp_path, Speed(), steps=7, logger=memory, log_every_n_steps=3).fit(small(), digits())
    names = {f"train/{name}" for name in ("critic_loss", "generator_loss", "wasserstein")}
    names |= {"train/gradient_penalty", "train/gradient_norm", "images_seen", "images_per_second"}
    assert names <= set().union(*(values for _, values in memory.logged))
    for name in names:
        assert list(memory.values(name)) == [3, 6, 7], f"{name}: every third step and the last"
        assert len(set(memory.values(name).values())) == 3, f"{name} is fresh"
    assert memory.values("images_seen") == {step: step * BATCH * CRITIC_STEPS for step in (3, 6, 7)}
    assert min(memory.values("images_per_second").values()) > 0


def test_the_logged_loss_is_that_of_its_step(tmp_path):
    """A run that logs every step says the same of step 6 as one that logs every third."""
    often, seldom = Memory(), Memory()
    for memory, every in ((often, 1), (seldom, 3)):
        trainer(tmp_path, steps=6, logger=memory, log_every_n_steps=every).fit(small(), digits())
    for name in ("train/critic_loss", "train/generator_loss", "train/gradient_norm"):
        assert seldom.values(name).items() <= often.values(name).items()


def test_nothing_waits_for_the_device_between_logged_steps(tmp_path):
    waits = Counter()

    class Watch(TorchDispatchMode):
        """Counts the reads of a tensor's value: item(), float(), bool() all end in _local_scalar_dense."""

        def __torch_dispatch__(self, function, types, arguments=(), kwargs=None):
            if function is torch.ops.aten._local_scalar_dense.default:
                waits[fit.global_step] += 1
            return function(*arguments, **(kwargs or {}))

    fit = trainer(tmp_path, Speed(), StepBar(), logger=Memory(), steps=12, log_every_n_steps=6)
    model, data = small(), digits()
    model.critic_loss = count_reads(model.critic_loss, Watch)
    model.generator_loss = count_reads(model.generator_loss, Watch)
    model.descend = count_reads(model.descend, Watch)
    fit.fit(model, data)
    assert not waits


def count_reads(function, mode):
    """The function, run under a dispatch mode."""

    def watched(*arguments, **kwargs):
        with mode():
            return function(*arguments, **kwargs)

    return watched


@pytest.mark.parametrize("read", ["item", "tolist", "__float__", "__bool__", "numpy", "cpu"])
def test_no_value_is_read_between_logged_steps(read, tmp_path, monkeypatch):
    """The same from the side of Python, with all that looks at each step: reads of tensors, by step."""
    reads, original = Counter(), getattr(torch.Tensor, read)

    class Steps(Callback):
        step = None

        def on_train_batch_start(self, trainer, *_):
            self.step = trainer.global_step + 1

        def on_train_batch_end(self, *_):
            self.step = None

    def counting(tensor, *arguments):
        if steps.step:
            reads[steps.step] += 1
        return original(tensor, *arguments)

    steps = Steps()
    watching = [Speed(), StepBar(), Guard(), GeneratorEMA(0.9), LastCheckpoint(), steps]
    fit = trainer(tmp_path, *watching, logger=Memory(), steps=6, log_every_n_steps=3)
    monkeypatch.setattr(torch.Tensor, read, counting)
    fit.fit(small(), digits())
    assert set(reads) <= {3, 6}


def test_scores_are_logged_at_the_step_of_their_weights(tmp_path):
    memory = Memory()
    intervals = {"val_check_interval": 3, "check_val_every_n_epoch": None, "limit_val_batches": 2}
    trainer(tmp_path, Scores(), steps=7, logger=memory, **intervals).fit(small(), digits())
    assert list(memory.values("val/sliced_wasserstein")) == [3, 6]
    assert list(memory.values("val/critic_gap")) == [3, 6]


def test_the_csv_file_has_a_row_for_each_logged_step(run):
    folder = run("fit", "--trainer.val_check_interval=4")
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = {int(row["step"]) for row in rows if row["train/critic_loss"]}
    assert losses == {2, 4}
    for name in KEYS:
        assert {int(row["step"]) for row in rows if row[f"val/{name}"]} == {4}, name


def test_tensorboard_has_losses_and_pictures_on_one_axis(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run("fit", "--loggers=[tensorboard]")
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Scalars("train/critic_loss")] == [2, 4]
    for name in KEYS:
        assert [event.step for event in events.Scalars(f"val/{name}")] == [2, 4]
    pictures = events.Images("samples")
    assert [picture.step for picture in pictures] == [1, 2, 4]
    assert (pictures[0].height, pictures[0].width, 3) == pixels(folder / "samples/step_0000001.png").shape


# -- samples and scores --


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_predict_writes_one_picture_for_each_sample(channels, mode, tmp_path):
    class Data(DigitsDataModule):
        image_shape = (channels, 8, 8)

        def load(self):
            return {
                name: Images(images.expand(-1, channels, -1, -1), labels)
                for name, (images, labels) in super().load().items()
            }

    torch.manual_seed(0)
    model = GAN(image_shape=(channels, 8, 8), generator_options={"hidden": [8]}, critic_options={"hidden": [8]})
    data = Data(batch_size=4, predict_samples=6)
    images = torch.cat(trainer(tmp_path, SampleWriter(grid_images=4)).predict(model, data))
    folder = tmp_path / "predictions"
    assert sorted(path.name for path in folder.iterdir()) == [*(f"{n:05d}.png" for n in range(6)), "grid.png"]
    for number, image in enumerate(to_bytes(images)):
        with Image.open(folder / f"{number:05d}.png") as picture:
            assert picture.mode == mode
            assert (np.asarray(picture).reshape(8, 8, channels) == image.permute(1, 2, 0).numpy()).all()
    assert (pixels(folder / "grid.png") == np.asarray(grid_picture(images[:4]))).all()


def test_predict_writes_a_line_for_each_point(tmp_path):
    torch.manual_seed(0)
    model = GAN(image_shape=(2, 1, 1), generator_options={"hidden": [8]}, critic_options={"hidden": [8]})
    data = ToyDataModule(batch_size=4, predict_samples=6)
    for _ in range(2):  # the second replaces the first
        points = torch.cat(trainer(tmp_path, SampleWriter()).predict(model, data))
    (file,) = (tmp_path / "predictions").iterdir()
    rows = np.loadtxt(file, delimiter=",")
    assert file.name == "points.csv"
    assert rows[:, 0].tolist() == list(range(6))
    assert (rows[:, 1:].astype(np.float32) == points.flatten(1).numpy()).all()


@pytest.mark.parametrize("pack", [lambda latents: latents, TensorDataset], ids=["latents", "tuples"])
def test_samples_of_latents_are_numbered_as_they_come(pack, tmp_path):
    latents = torch.randn(7, 4)
    images = torch.cat(trainer(tmp_path, SampleWriter()).predict(small(), DataLoader(pack(latents), batch_size=3)))
    names = sorted(path.name for path in (tmp_path / "predictions").glob("0*.png"))
    assert names == [f"{number:05d}.png" for number in range(7)]
    assert np.array_equal(pixels(tmp_path / "predictions" / "00005.png"), to_bytes(images[5, 0]).numpy())


def test_predictions_follow_the_seed_and_replace_earlier_ones(run):
    folder = run("fit", "--trainer.max_steps=1")

    def predict(*words):
        run("predict", "--ckpt_path=last", *words)
        return {path.name: path.read_bytes() for path in (folder / "predictions").glob("0*.png")}

    first, second, other = predict(), predict(), predict("--seed_everything=7", "--data.init_args.predict_samples=3")
    assert len(first) == 6
    assert first == second
    assert set(other) == {"00000.png", "00001.png", "00002.png"}, "nothing is left of the earlier six"
    assert all(other[name] != first[name] for name in other)


def test_sliced_wasserstein_is_zero_for_equal_sets():
    images = torch.rand(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    metric = SlicedWasserstein()
    metric.update(images, real=True)
    metric.update(images.flip(0), real=False)
    assert metric.compute() == 0
    metric.update(images, real=True)
    metric.update(images + 1, real=False)
    assert metric.compute() > 0
    with pytest.raises(ValueError, match=r"of one shape, got \[1, 2, 8\] after \[1, 4, 4\]"):
        metric.update(images.view(12, 1, 2, 8), real=False)


def test_a_test_prints_and_writes_the_scores_beside_those_of_real_images(run, capsys):
    folder = run("fit")
    capsys.readouterr()
    run("test", "--ckpt_path=last", "--trainer.limit_test_batches=null")
    result = json.loads((folder / "scores.json").read_text())
    assert (result["step"], result["samples"]) == (4, 360)
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["score", "generated", "real"] in table
    for name in KEYS:
        row = result["scores"][name]
        assert [name, f"{row['generated']:.4f}", f"{row['real']:.4f}"] in table
    for name in ("sliced_wasserstein", "fid", "kid"):
        row = result["scores"][name]
        assert row["generated"] > 2 * row["real"], "a generator of four steps is worse than real images"


def test_where_few_are_trained_on_the_real_column_is_of_unused_images(tmp_path):
    write_mnist(tmp_path / "data", train=60)  # image n is all n: 20 are trained on, 32 are unused
    data, scores = small_mnist(tmp_path / "data", per_class=2, batch_size=4), Scores()
    model = small(image_shape=(1, 28, 28))
    trainer(tmp_path, scores, limit_test_batches=None).test(model, data, verbose=False)
    told = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert all(told[name]["real"] is not None for name in KEYS if "std" not in name)


# -- progress --


def test_the_bar_shows_step_losses_and_speed(tmp_path, capsys):
    trainer(tmp_path, Speed(), StepBar()).fit(small(), digits())
    last = capsys.readouterr().err.strip().replace("\n", "\r").split("\r")[-1]
    for text in ("WGANGP: 100%", "4/4", "step/s", "critic=", "generator=", "images/s="):
        assert text in last


def test_an_error_ends_the_bar_first(tmp_path, capsys):
    class Fail(Callback):
        def on_train_batch_end(self, *_):
            raise RuntimeError("on purpose")

    bar = StepBar()
    with pytest.raises(RuntimeError, match="on purpose"):
        trainer(tmp_path, bar, Fail()).fit(small(), digits())
    assert bar.bar is None
    assert capsys.readouterr().err.endswith("\n")


@pytest.mark.parametrize(
    ("callback", "values"),
    [
        (ImageGrid, {"every_n_steps": 0}),
        (ImageGrid, {"num_images": 0}),
        (LastCheckpoint, {"every_n_steps": 0}),
        (SampleWriter, {"grid_images": 0}),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(callback, values):
    with pytest.raises(ValueError, match=next(iter(values))):
        callback(**values)
