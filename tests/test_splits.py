"""A data module of one's own arrays: good ones train, others are refused by name in one line."""

from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules import DataError, ImageDataModule, Images
from helpers.data import one_line_error
from helpers.runs import fit
from zoo import GAN


class Mine(ImageDataModule):
    """Whatever the test gives."""

    num_classes = 3

    def __init__(self, splits, **kwargs):
        super().__init__(**kwargs)
        self.given = splits

    @property
    def image_shape(self):  # noqa: D102
        return 1, 4, 4

    def load(self):  # noqa: D102
        return self.given


def images(n=12, dtype=torch.uint8):
    pixels = torch.arange(n * 16, dtype=torch.float32).view(n, 1, 4, 4) % 256
    return Images((pixels / 127.5 - 1).to(dtype) if dtype.is_floating_point else pixels.to(dtype), torch.arange(n) % 3)


def splits(**changed):
    return {"train": images(), "val": images(4), "test": images(0)} | changed


GOOD = {
    "bytes": splits(),
    "floats": splits(train=images(dtype=torch.float32)),
    "halves": splits(train=images(dtype=torch.bfloat16)),
    "another split": splits(unused=images()),
    "all black": splits(train=Images(torch.zeros(9, 1, 4, 4, dtype=torch.uint8), torch.zeros(9, dtype=torch.int64))),
}


@pytest.mark.parametrize("name", GOOD)
def test_arrays_of_ones_own_train(tmp_path, name):
    data = Mine(GOOD[name], batch_size=4)
    model = GAN(image_shape=data.image_shape, generator_options={"hidden": [4]}, critic_options={"hidden": [4]})
    fit(tmp_path, model, steps=2, data=data, limit_val_batches=1.0)
    assert model.trained_steps == 2


def with_images(change):
    return splits(train=Images(change(images().images), images().labels))


def with_labels(change):
    return splits(val=Images(images(4).images, change(images(4).labels)))


def scaled(low, high):
    return lambda pixels: pixels.float() / pixels.max() * (high - low) + low


BAD = {
    "no dict": (None, "gives no 'test'"),
    "no val": ({"train": images(), "test": images()}, "gives no 'val': return a dict of Images"),
    "a tensor": (splits(val=images().images), "'val' is a Tensor; make it datamodules.Images"),
    "a tuple": (splits(train=tuple(images())), "'train' is a tuple"),
    "an array": (with_images(lambda pixels: pixels.numpy()), "'train' has images that are a ndarray"),
    "int64": (with_images(lambda pixels: pixels.long()), "images of torch.int64; they must be uint8"),
    "bool": (with_images(lambda pixels: pixels > 9), "images of torch.bool"),
    "int16": (with_images(lambda pixels: pixels.to(torch.uint16)), "images of torch.uint16"),
    "channels last": (with_images(lambda pixels: pixels.movedim(1, -1)), "shape [12, 4, 4, 1], not [N, 1, 4, 4]"),
    "no channels": (with_images(lambda pixels: pixels[:, 0]), "shape [12, 4, 4], not [N, 1, 4, 4]"),
    "another size": (with_images(lambda pixels: pixels[..., :3]), "shape [12, 1, 4, 3]"),
    "0..255": (with_images(lambda pixels: pixels.float()), "float32 from 0 to 191; they must be uint8"),
    "0..1": (with_images(scaled(0, 1)), "from 0 to 1: scale them to [-1, 1]"),
    "-2..2": (with_images(scaled(-2, 2)), "from -2 to 2"),
    "-1.5..1": (with_images(scaled(-1.5, 1)), "from -1.5 to 1"),
    "0 or 1": (with_images(lambda pixels: pixels % 2), "all 0 or 1: scale them to 0..255"),
    "nan": (with_images(lambda pixels: scaled(-1, 1)(pixels) * torch.nan), "not finite"),
    "infinite": (with_images(lambda pixels: scaled(-1, 1)(pixels) / 0), "not finite"),
    "none": (splits(train=images(0)), "'train' has no images"),
    "float labels": (with_labels(lambda labels: labels.float()), "'val' has labels of torch.float32"),
    "array labels": (with_labels(lambda labels: labels.numpy()), "'val' has labels of ndarray"),
    "one-hot labels": (with_labels(lambda labels: torch.eye(3).long()[labels]), "labels of shape [4, 3] for 4 images"),
    "few labels": (with_labels(lambda labels: labels[:3]), "labels of shape [3] for 4 images"),
    "labels from 1": (with_labels(lambda labels: labels + 1), "labels from 1 to 3; they must be from 0 to 2"),
    "negative labels": (with_labels(lambda labels: labels - 1), "labels from -1 to 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_arrays_are_refused_by_name_in_one_line(name):
    given, problem = BAD[name]
    data = Mine(given)
    message = one_line_error(data.setup)
    assert message.startswith("Mine.load()")
    assert problem in message
    assert data.splits == {}


def test_points_in_the_plane_may_lie_anywhere_but_must_be_numbers():
    class Points(Mine):
        image_shape = 2, 1, 1

    points = Images(torch.tensor([[1.5, 2.0]] * 9).view(9, 2, 1, 1), torch.zeros(9, dtype=torch.int64))
    Points(splits(train=points, val=points, test=points)).setup()
    with pytest.raises(DataError, match="not finite"):
        Points(splits(train=Images(points.images * np.inf, points.labels), val=points, test=points)).setup()


def test_labels_without_a_number_of_classes_are_numbers_from_0():
    class Unlabelled(Mine):
        num_classes = None

    Unlabelled(splits()).setup()
    assert "num_classes - 1" in one_line_error(Unlabelled(with_labels(lambda labels: labels - 1)).setup)


def test_the_example_of_the_docs_trains(tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    monkeypatch.chdir(tmp_path)
    np.save("spectrograms.npy", np.random.default_rng(0).integers(0, 256, (300, 1, 64, 64), np.uint8))
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    data = names["Spectrograms"]()
    data.setup()
    assert {name: len(split.images) for name, split in data.splits.items()} == {"train": 100, "val": 100, "test": 100}
