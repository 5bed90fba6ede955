"""Files that prediction and a test write: pictures, points, scores."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from callbacks import SampleWriter, Scores
from datamodules import DigitsDataModule, Images, ToyDataModule
from helpers.data import small_mnist, write_mnist
from helpers.runs import pixels, small, trainer
from helpers.scorer import KEYS
from zoo import GAN
from zoo.hub.pictures import grid_picture, to_bytes
from zoo.scores.sliced_wasserstein import SlicedWasserstein


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

    def predict(*argv):
        run("predict", "--ckpt_path=last", *argv)
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
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert all(scores[name]["real"] is not None for name in KEYS if "std" not in name)
