"""DiffAugment: operations against reference values, draws by their ranges, twice differentiable."""

import pytest
import torch

from helpers.blocks import assert_close, names_with, reference
from zoo.augmentations import AUGMENTATIONS, DiffAugment
from zoo.augmentations.diffaugment import brighten, contrast, cut_out, half, saturate, translate

POLICY = ["color", "translation", "cutout"]


def replay(images, policy, draws):
    """The policy's operations with stored draws, in the order of the module's."""
    for name in policy:
        if name == "color":
            for change in (brighten, saturate, contrast):
                images = change(images, next(draws))
        elif name == "translation":
            most = [int(size / 8 + 0.5) for size in images.shape[2:]]
            images = translate(images, *(next(draws).flatten() for _ in most))
        else:
            images = cut_out(images, next(draws).flatten(), next(draws).flatten())
    return images


@pytest.mark.data
@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout", "translation,cutout"])
def test_operations_are_those_of_the_paper(policy):
    draws = iter([reference(name) for name in names_with(f"da/{policy}/draw")])
    assert_close(replay(reference("da/x"), policy.split(","), draws), reference(f"da/{policy}/y"))


@pytest.mark.data
def test_cutout_of_odd_images_is_that_of_the_paper():
    draws = iter([reference(name) for name in names_with("da/cutout_odd/draw")])
    assert_close(replay(reference("da/x_odd"), ["cutout"], draws), reference("da/cutout_odd/y"))


@pytest.mark.parametrize("shape", [(5, 1, 8, 10), (5, 3, 7, 7), (5, 2, 1, 9)])
def test_the_module_draws_in_the_order_of_its_operations(shape):
    images = torch.randn(shape)
    torch.manual_seed(3)
    changed = DiffAugment(POLICY)(images)
    torch.manual_seed(3)
    n, (height, width) = shape[0], shape[2:]
    draws = [torch.rand(n, 1, 1, 1) for _ in range(3)]
    draws += [torch.randint(-(s := int(size / 8 + 0.5)), s + 1, (n, 1, 1)) for size in (height, width)]
    draws += [torch.randint(0, size + 1 - half(size) % 2, (n, 1, 1)) for size in (height, width)]
    assert torch.equal(changed, replay(images, POLICY, iter(draws)))
    assert changed.shape == images.shape
    assert not torch.equal(changed, images)


def test_a_shift_moves_rows_first_and_fills_with_zeros():
    image = torch.arange(1.0, 10).view(1, 1, 3, 3)
    moved = translate(image, torch.tensor([1]), torch.tensor([-1]))
    assert moved.flatten().tolist() == [0, 4, 5, 0, 7, 8, 0, 0, 0]


def test_colours_are_moved_from_their_means():
    image = torch.tensor([0.0, 2, 4, 6]).view(1, 2, 1, 2)  # two channels of two pixels
    draw = torch.full((1, 1, 1, 1), 0.75)
    assert brighten(image, draw).flatten().tolist() == [0.25, 2.25, 4.25, 6.25]
    assert saturate(image, draw).flatten().tolist() == [-1, 1, 5, 7]  # pixels' means are 2 and 4
    assert contrast(image, draw).flatten().tolist() == [-0.75, 1.75, 4.25, 6.75]  # the image's mean is 3


def test_a_window_is_half_the_sides_and_ends_at_the_border():
    ones = torch.ones(2, 1, 4, 6)
    cut = cut_out(ones, torch.tensor([2, 0]), torch.tensor([3, 6]))
    assert (cut[0, 0] == 0).nonzero().tolist() == [[i, j] for i in (1, 2) for j in (2, 3, 4)]
    assert (cut[1, 0] == 0).nonzero().tolist() == [[0, 5]]


@pytest.mark.parametrize("channels", [1, 3])
def test_it_can_be_differentiated_twice(channels):
    images = torch.randn(2, channels, 3, 4, dtype=torch.float64, requires_grad=True)

    def changed(x):
        torch.manual_seed(0)
        return DiffAugment(POLICY)(x).square()

    assert torch.autograd.gradcheck(changed, images)
    assert torch.autograd.gradgradcheck(changed, images)


@pytest.mark.parametrize("policy", [["colour"], "color", ["color", "flip"]])
def test_an_unknown_policy_is_named(policy):
    with pytest.raises(ValueError, match="policy is a list of some of color, translation, cutout, not"):
        AUGMENTATIONS["diffaugment"](policy=policy)
