"""What watches a run: what it draws, counts, keeps and says, and that it changes nothing."""

import csv
import json
from collections import Counter

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from callbacks import BestCheckpoint, ComponentGrid, ImageGrid, LastCheckpoint, SampleWriter, Scores, Speed, StepBar
from callbacks.image_grid import grid_picture, to_bytes
from callbacks.pictures import write_gif
from datamodules import DigitsDataModule, ToyDataModule
from zoo import GAN, WGANGP, DeLiGAN
from zoo.sliced_wasserstein import SlicedWasserstein

BATCH, CRITIC_STEPS = 4, 5


class Memory(Logger):
    """Keeps what is logged: a list of (step, values)."""

    name, version = "memory", ""

    def __init__(self):
        super().__init__()
        self.logged = []

    def log_metrics(self, metrics, step=None):
        """Lightning's."""
        self.logged.append((step, dict(metrics)))

    def log_hyperparams(self, *_):
        """Lightning's; not kept."""

    def values(self, name):
        """What was logged under that name, by step."""
        return {step: metrics[name] for step, metrics in self.logged if name in metrics}


def small(model=WGANGP, **kwargs):
    torch.manual_seed(0)
    options = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 4}
    return model(image_shape=(1, 8, 8), critic_steps=CRITIC_STEPS, **(options | kwargs))


def digits(**kwargs):
    return DigitsDataModule(batch_size=BATCH, **kwargs)


def trainer(folder, *callbacks, steps=4, logger=False, **kwargs):
    defaults = {"log_every_n_steps": 2, "limit_val_batches": 0, "num_sanity_val_steps": 0}
    return Trainer(
        default_root_dir=folder,
        max_steps=steps,
        callbacks=list(callbacks),
        logger=logger,
        accelerator="cpu",
        devices=1,
        enable_progress_bar=any(isinstance(callback, StepBar) for callback in callbacks),
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, LastCheckpoint | ModelCheckpoint) for c in callbacks),
        **(defaults | kwargs),
    )


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


# -- ImageGrid --


def test_a_grid_shows_what_the_model_samples(tmp_path):
    model = small()
    trainer(tmp_path, ImageGrid(every_n_steps=2, num_images=4, seed=3)).fit(model, digits())
    names = [path.name for path in sorted((tmp_path / "samples").iterdir())]
    assert names == ["step_0000001.png", "step_0000002.png", "step_0000004.png", "training.gif"]
    shown = pixels(tmp_path / "samples" / "step_0000004.png")
    images = to_bytes(model.sample(4, torch.Generator().manual_seed(3)))
    side = 8 * 4  # enlarged to at least 32, by a whole number
    assert shown.shape == (2 * (side + 2) + 2, 2 * (side + 2) + 2, 3)
    for number, image in enumerate(images):
        top, left = (2 + (side + 2) * place for place in divmod(number, 2))
        tile = shown[top : top + side, left : left + side]
        assert (tile == image.numpy()[0].repeat(4, 0).repeat(4, 1)[:, :, None]).all(), "enlarged without blurring"


def test_the_same_weights_give_the_same_picture(tmp_path):
    model, grid = small(), ImageGrid(every_n_steps=1, num_images=4)
    for part in model.parameters():
        part.requires_grad_(False)
    fit = trainer(tmp_path, grid)
    fit.strategy.connect(model)
    for name in ("first", "second"):
        torch.rand(7)
        grid.draw(fit, model, name, 0)
    assert (pixels(tmp_path / "samples/first.png") == pixels(tmp_path / "samples/second.png")).all()


def test_watching_changes_no_weight(tmp_path):
    watched, alone = small(), small()
    trainer(
        tmp_path, ImageGrid(every_n_steps=1), Speed(), StepBar(), Scores(), BestCheckpoint(), LastCheckpoint(1),
        limit_val_batches=2, val_check_interval=1, check_val_every_n_epoch=None,
    ).fit(watched, digits())  # fmt: skip
    trainer(tmp_path).fit(alone, digits())
    for name, value in alone.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


def test_the_last_step_is_drawn_whatever_ends_the_training(tmp_path):
    grid = ImageGrid(every_n_steps=100, gif=False)
    trainer(tmp_path, grid, steps=-1, max_epochs=1, limit_train_batches=3).fit(small(), digits())
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == ["step_0000001.png", "step_0000003.png"]


def test_colours_and_sizes_of_a_grid():
    images = torch.stack([torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1).expand(3, 40, 40)] * 5)
    grid = np.asarray(grid_picture(images))
    assert grid.shape == (2 * 42 + 2, 3 * 42 + 2, 3), "5 images in rows of 3, not enlarged"
    assert grid[10, 10].tolist() == [255, 128, 0]
    assert grid[60, 100].tolist() == [32, 32, 32], "an empty place"


@pytest.mark.parametrize(("pictures", "frames"), [(1, 0), (2, 2), (7, 7), (130, 20)])
def test_a_gif_has_a_frame_for_each_picture_up_to_a_limit(pictures, frames, tmp_path):
    files = [tmp_path / f"step_{number:07d}.png" for number in range(pictures)]
    for number, file in enumerate(files):
        Image.new("RGB", (8, 4), (number, 255 - number, (5 * number) % 256)).save(file)
    write_gif(files, path := tmp_path / "training.gif", max_frames=20)
    assert path.exists() == (frames > 0)
    if frames:
        with Image.open(path) as gif:
            assert (gif.n_frames, gif.size) == (frames, (8, 4))


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
    """The same from the side of Python, for every callback: reads of tensors, by step."""
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
    watching = [Speed(), StepBar(), steps]
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
    scores = {int(row["step"]) for row in rows if row["val/sliced_wasserstein"]}
    assert (losses, scores) == ({2, 4}, {4})


def test_tensorboard_has_losses_and_pictures_on_one_axis(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run("fit", "--loggers=[tensorboard]")
    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Scalars("train/critic_loss")] == [2, 4]
    assert [event.step for event in events.Scalars("val/sliced_wasserstein")] == [2, 4]
    pictures = events.Images("samples")
    assert [picture.step for picture in pictures] == [1, 2, 4]
    assert (pictures[0].height, pictures[0].width, 3) == pixels(folder / "samples/step_0000001.png").shape


# -- checkpoints --


def test_steps_are_generator_iterations(tmp_path):
    regular = ModelCheckpoint(
        tmp_path / "regular", filename="{step}", every_n_train_steps=2, save_top_k=-1, save_weights_only=True
    )
    fit = trainer(tmp_path, regular)
    fit.fit(small(), digits())
    assert fit.global_step == 4
    assert {path.name for path in (tmp_path / "regular").iterdir()} == {"step=2.ckpt", "step=4.ckpt"}


def test_the_last_checkpoint_is_as_new_as_it_says(tmp_path):
    seen, path = [], tmp_path / "checkpoints" / "last.ckpt"

    class Look(Callback):
        def on_train_batch_start(self, trainer, *_):
            seen.append(torch.load(path, weights_only=True)["global_step"] if path.exists() else None)

    trainer(tmp_path, LastCheckpoint(every_n_steps=2), Look(), steps=5).fit(small(), digits())
    assert seen == [None, None, 2, 2, 4]
    assert torch.load(path, weights_only=True)["global_step"] == 5, "training ended"


def test_a_callback_serves_a_second_training(tmp_path):
    last, path = LastCheckpoint(every_n_steps=100), tmp_path / "checkpoints" / "last.ckpt"
    for _ in range(2):
        trainer(tmp_path, last).fit(small(), digits())
        path.unlink()  # it is there


def test_the_best_checkpoint_holds_the_weights_of_the_best_score(tmp_path):
    """The score is made up: least at the second of four validations. Its weights are those of step 4."""

    class MadeUp(Callback):
        scores, snapshots = iter([3.0, 1.0, 2.0, 1.5]), {}

        def on_validation_epoch_end(self, trainer, pl_module):
            pl_module.log("val/made_up", next(self.scores))
            self.snapshots[trainer.global_step] = {k: v.clone() for k, v in pl_module.state_dict().items()}

    made_up = MadeUp()
    intervals = {"val_check_interval": 2, "check_val_every_n_epoch": None, "limit_val_batches": 1}
    watching = BestCheckpoint("val/made_up"), LastCheckpoint(1), made_up
    trainer(tmp_path, *watching, steps=8, **intervals).fit(small(), digits())
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert list(made_up.snapshots) == [2, 4, 6, 8]
    assert best["global_step"] == 4
    assert all(torch.equal(value, made_up.snapshots[4][name]) for name, value in best["state_dict"].items())
    assert not all(torch.equal(value, made_up.snapshots[8][name]) for name, value in best["state_dict"].items())


def test_a_resumed_run_goes_on_counting_images(tmp_path):
    speed = Speed()
    trainer(tmp_path, speed, LastCheckpoint(), steps=2).fit(small(), digits())
    resumed = Speed()
    fit = trainer(tmp_path, resumed, LastCheckpoint(), steps=3)
    fit.fit(small(), digits(), ckpt_path=tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert (speed.images_seen, resumed.images_seen) == (2 * BATCH * CRITIC_STEPS, 3 * BATCH * CRITIC_STEPS)


# -- samples and scores --


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_predict_writes_one_picture_for_each_sample(channels, mode, tmp_path):
    class Data(DigitsDataModule):
        image_shape = (channels, 8, 8)

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
    metric.update(images, images.flip(0))
    assert metric.compute() == 0
    metric.update(images, images + 1)
    assert metric.compute() > 0


def test_a_test_prints_and_writes_the_scores_beside_those_of_real_images(run, capsys):
    folder = run("fit")
    capsys.readouterr()
    run("test", "--ckpt_path=last", "--trainer.limit_test_batches=null")
    result = json.loads((folder / "scores.json").read_text())
    assert (result["step"], result["samples"]) == (4, 360)
    row = result["scores"]["sliced_wasserstein"]
    assert row["generated"] > 2 * row["real"] > 0, "a generator of four steps is worse than real images"
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["score", "generated", "real"] in table
    assert ["sliced_wasserstein", f"{row['generated']:.4f}", f"{row['real']:.4f}"] in table


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


def test_a_row_of_the_component_grid_is_one_component(tmp_path):
    model = small(DeLiGAN, prior_options={"components": 3, "sigma_init": 0.0})
    trainer(tmp_path, grid := ComponentGrid(every_n_steps=2, num_images=4)).fit(model, digits())
    with Image.open(tmp_path / "samples" / "components_step_0000004.png") as picture:
        pixels = np.array(picture.convert("L"))
    side = 34  # 8 pixels, enlarged fourfold, and the line between
    assert pixels.shape == (2 + 3 * side, 2 + 4 * side)
    made = to_bytes(model.generator.eval()(model.prior.mu)).squeeze(1)
    model.prior.sigma.data.zero_()
    grid.draw(trainer(tmp_path), model, "narrow", 4)
    with Image.open(tmp_path / "samples" / "components_narrow.png") as picture:
        pixels = np.array(picture.convert("L"))
    for row in range(3):
        for column in range(4):
            tile = pixels[2 + row * side :, 2 + column * side :][:32:4, :32:4]
            assert np.array_equal(tile, made[row].detach().numpy())


def test_no_component_grid_without_components(tmp_path):
    trainer(tmp_path, ComponentGrid(every_n_steps=1)).fit(small(GAN), digits())
    assert not (tmp_path / "samples").exists()
