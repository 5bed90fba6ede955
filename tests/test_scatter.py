"""Pictures of models of points: what is drawn, and where it goes."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from callbacks.pictures import scatter as module
from callbacks.pictures.scatter import critic_surface, heat_map, is_points, pixel, scatter_picture
from zoo import GAN

NOTHING = torch.zeros(0, 2)


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 1, 2), (2,)])
def test_two_numbers_are_a_point(shape):
    assert is_points(SimpleNamespace(image_shape=shape))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 1, 1), (1, 1, 1), (2, 2, 1)])
def test_anything_else_is_an_image(shape):
    assert not is_points(SimpleNamespace(image_shape=shape))
    assert not is_points(SimpleNamespace())


@pytest.mark.parametrize(
    ("point", "place"),
    [((0, 0), (240, 240)), ((-1.4999, 1.4999), (0, 0)), ((1.4999, -1.4999), (479, 479)), ((0.75, 0.75), (120, 360))],
)
def test_x_goes_right_and_y_goes_up_on_fixed_axes(point, place):
    row, column = pixel(torch.tensor([point]))
    assert (row.item(), column.item()) == place


def test_every_sample_is_drawn_in_its_colour_over_data_and_surface():
    samples = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) * 2.8 - 1.4
    surface = torch.linspace(-1, 1, 96 * 96).view(96, 96)
    picture = np.asarray(scatter_picture(samples, samples + 0.002, surface))
    assert (picture[pixel(samples)] == module.SAMPLE).all()


def test_data_is_grey_where_no_sample_covers_it_and_the_rest_is_background():
    data, samples = torch.tensor([[0.5, 0.5], [0.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    picture = np.asarray(scatter_picture(samples, data, None))
    rows, columns = pixel(data)
    assert picture[rows[0], columns[0]].tolist() == list(module.DATA)
    assert picture[rows[1], columns[1]].tolist() == list(module.SAMPLE)
    assert picture[rows[1] - 2, columns[1]].tolist() == list(module.OUTLINE)
    assert picture[0, 0].tolist() == list(module.WHITE)
    assert (picture != 255).any(axis=2).sum() == 9 + 21  # two disks, no more


@pytest.mark.parametrize("point", [(1.5, 0.0), (0.0, -7.0), (math.nan, 0.0), (math.inf, -math.inf)])
def test_what_lies_outside_is_not_drawn(point):
    assert (np.asarray(scatter_picture(torch.tensor([point]), NOTHING, None)) == 255).all()


def test_a_dot_at_the_edge_is_cut_off_not_wrapped_around():
    picture = np.asarray(scatter_picture(torch.tensor([[-1.4999, 0.0]]), NOTHING, None))
    assert (picture[:, 100:] == 255).all()
    assert (picture[240, 0] == module.SAMPLE).all()


def test_the_heat_map_is_blue_white_red_from_low_to_high():
    surface = torch.linspace(-2, 2, 97).expand(97, 97)
    row = heat_map(surface)[240]
    assert row[0].tolist() == list(module.BLUE)
    assert row[-1].tolist() == list(module.RED)
    assert row[240].min() > 245
    assert heat_map(surface).shape == (480, 480, 3)


@pytest.mark.parametrize("value", [0.0, 3.0, math.nan, math.inf])
def test_a_flat_or_broken_surface_can_be_drawn(value):
    assert heat_map(torch.full((96, 96), value)).dtype == np.uint8


class Plane(nn.Module):
    """A critic that likes the upper right, and remembers how it was asked."""

    def forward(self, images):  # noqa: D102
        self.asked = images.shape, self.training, torch.is_grad_enabled()
        return images.flatten(1) @ torch.tensor([1.0, 2.0]) + 100


def stand_in(critic, mixes=False):
    model = GAN(image_shape=(2, 1, 1), network="toy", latent_dim=2)
    model.critic, model.critic_mixes_samples = critic, mixes
    return model


def test_the_surface_is_the_critics_value_less_what_samples_and_data_get():
    critic = Plane().train()
    samples, data = torch.tensor([[0.0, 0.0], [0.2, 0.0]]), torch.tensor([[0.5, 0.5]])
    surface = critic_surface(stand_in(critic), samples, data)
    cell = 3 / 96
    middle = (0.1 + 1.5) / 2
    assert surface.shape == (96, 96)
    assert surface[0, 0].item() == pytest.approx((-1.5 + cell / 2) + 2 * (1.5 - cell / 2) - middle, abs=1e-3)
    assert surface[95, 95].item() == pytest.approx((1.5 - cell / 2) - 2 * (1.5 - cell / 2) - middle, abs=1e-3)
    assert critic.asked == ((96 * 96 + 3, 2, 1, 1), False, False)
    assert critic.training  # as it was


def test_a_critic_that_sees_its_batch_as_a_whole_is_not_asked():
    critic = Plane()
    assert critic_surface(stand_in(critic, mixes=True), NOTHING, NOTHING) is None
    assert not hasattr(critic, "asked")
