"""Line drawings: the pixels of DeLiGAN's input_data_gan.py, on drawings that the tests make."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from datamodules import FolderDataModule
from datamodules.decode import decode
from datamodules.drawings import areas, dilated, drawn


def by_hand(grey, size):
    """The authors' steps one pixel at a time: inverse threshold, 3x3 dilation, mean over parts of pixels."""
    height, width = grey.shape
    thick = np.zeros_like(grey)
    for y in range(height):
        for x in range(width):
            window = grey[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            thick[y, x] = 255 if (window <= 250).any() else 0
    fine = thick.repeat(size, axis=0).repeat(size, axis=1).astype(float)
    return fine.reshape(size, height, size, width).mean((1, 3))


@pytest.mark.parametrize("shape", [(16, 16), (20, 31), (9, 40), (24, 12)])
def test_a_drawing_is_the_authors_steps_one_by_one(shape):
    grey = np.random.default_rng(0).choice([0, 100, 250, 251, 255], shape, p=[0.02, 0.02, 0.02, 0.2, 0.74])
    expected = by_hand(grey.astype(np.uint8), 8)
    found = drawn(grey.astype(np.uint8), 8, 8)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 0.5 + 1e-3
    assert len(np.unique(found)) > 2  # grey, not black and white alone


def test_ink_is_what_is_not_nearly_white():
    row = np.array([[255, 255, 255, 250, 255, 255, 255], [255, 255, 255, 251, 255, 255, 255]], np.uint8)
    assert drawn(row, 2, 7).tolist() == [[0, 0, 255, 255, 255, 0, 0]] * 2  # a line of 250 grows to its neighbours
    assert not drawn(row[1:], 1, 7).any()


def test_lines_grow_to_all_eight_neighbours_and_not_over_the_border():
    dot, corner = np.zeros((5, 6), bool), np.zeros((3, 4), bool)
    dot[2, 3] = corner[0, 0] = True
    assert [tuple(each) for each in np.argwhere(dilated(dot))] == [(y, x) for y in (1, 2, 3) for x in (2, 3, 4)]
    assert [tuple(each) for each in np.argwhere(dilated(corner))] == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize(("before", "after"), [(8, 4), (7, 3), (3, 7), (1111, 32), (4, 4)])
def test_areas_share_a_side_equally(before, after):
    shares = areas(before, after)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(0), after / before, rtol=1e-5)
    assert areas(3, 2).tolist() == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]]))


def sketch(path, size=111, suffix="png"):
    """Draw a circle of one pixel on white."""
    image = Image.new("L", (size, size), 255)
    ImageDraw.Draw(image).ellipse((20, 20, 90, 90), outline=0)
    image.save(path.with_suffix(f".{suffix}"), quality=100)
    return path.with_suffix(f".{suffix}")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_folder_of_drawings_is_light_lines_on_black(tmp_path, suffix):
    (tmp_path / "circles").mkdir()
    files = [sketch(tmp_path / "circles" / str(number), suffix=suffix) for number in range(20)]
    data = FolderDataModule(str(tmp_path), image_size=32, channels=1, resize="drawing", val_share=0.1, test_share=0.1)
    data.setup()
    images = data.splits["train"].images
    assert images.shape == (16, 1, 32, 32)
    assert images[0, 0, 0, 0] == images[0, 0, 16, 16] == 0  # paper
    assert images[0, 0, 16].max() > 100  # three of the 3.5 pixels across, on two sides of an end
    expected = by_hand(np.asarray(Image.open(files[0])), 32)
    assert np.abs(images[0, 0].numpy() - expected).max() <= 0.5 + 1e-3
    assert torch.equal(images[0], torch.from_numpy(decode(files[0], 1, 32, "drawing")))


def test_drawings_have_one_channel():
    with pytest.raises(ValueError, match="resize=drawing makes grey images: channels must be 1, got 3"):
        FolderDataModule("photos", resize="drawing")
    with pytest.raises(ValueError, match="resize must be one of stretch, crop, drawing; got 'pad'"):
        FolderDataModule("photos", resize="pad")
