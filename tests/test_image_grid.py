"""Pictures of a run: what they show, when they are drawn, and that drawing changes nothing."""

import numpy as np
import pytest
import torch
from PIL import Image

from callbacks import BestCheckpoint, ImageGrid, LabelGrid, LastCheckpoint, Scores, Speed, StepBar
from callbacks.pictures.pictures import write_gif
from helpers.runs import digits, pixels, small, trainer
from zoo import GAN, DeLiGAN
from zoo.hub.pictures import grid_picture, to_bytes

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


def test_a_row_of_the_label_grid_is_one_component(tmp_path):
    model = small(DeLiGAN, prior_options={"components": 3, "sigma_init": 0.0})
    trainer(tmp_path, grid := LabelGrid(every_n_steps=2, num_images=4)).fit(model, digits())
    with Image.open(tmp_path / "samples" / "labels_step_0000004.png") as picture:
        pixels = np.array(picture.convert("L"))
    side = 34  # 8 pixels, enlarged fourfold, and the line between
    assert pixels.shape == (2 + 3 * side, 2 + 4 * side)
    made = to_bytes(model.generator.eval()(model.prior.mu)).squeeze(1)
    model.prior.sigma.data.zero_()
    grid.draw(trainer(tmp_path), model, "narrow", 4)
    with Image.open(tmp_path / "samples" / "labels_narrow.png") as picture:
        pixels = np.array(picture.convert("L"))
    for row in range(3):
        for column in range(4):
            tile = pixels[2 + row * side :, 2 + column * side :][:32:4, :32:4]
            assert np.array_equal(tile, made[row].detach().numpy())


def test_no_label_grid_without_components(tmp_path):
    trainer(tmp_path, LabelGrid(every_n_steps=1)).fit(small(GAN), digits())
    assert not (tmp_path / "samples").exists()
