"""ADA: each change against reference values, draws in order, the rule for p, penalties through it."""

import pytest
import torch

from helpers.blocks import assert_close, names_with, reference
from zoo.augmentations import ADA, AUGMENTATIONS
from zoo.augmentations.changes import COLOR, GEOMETRY, Draws, draw_geometry
from zoo.augmentations.resample import sample_bilinear
from zoo.penalties import zero_centred_penalty

BGC = GEOMETRY + COLOR


class Percentile(Draws):
    """Every draw at one percentile, every gate open; the second rotation is none. As the reference values are made."""

    def __init__(self, images, percentile):
        super().__init__(images, torch.tensor(1.0))
        self.percentile, self.angles = torch.tensor(percentile, dtype=torch.float64), 0

    def uniform(self, *shape):
        """Return the percentile."""
        return self.percentile.expand(len(self.images), *shape)

    def normal(self, *shape):
        """Return the percentile of a normal of variance 1/2, as the source does."""
        return torch.erfinv(2 * self.percentile - 1).expand(len(self.images), *shape)

    def gate(self, values, neutral=0.0, p=None):
        """Let everything through but the second rotation."""
        self.angles += p is not None
        return torch.full_like(values, neutral) if p is not None and self.angles == 2 else values


class Stored(Draws):
    """Stored draws, in their order."""

    def __init__(self, images, p, stored):
        super().__init__(images, torch.tensor(p, dtype=torch.float64))
        self.stored = iter(stored)

    def uniform(self, *shape):
        """Return the next stored draw."""
        return next(self.stored).to(self.images.dtype).reshape(len(self.images), *shape)

    normal = uniform


@pytest.mark.data
@pytest.mark.parametrize("percentile", [0.3, 0.8])
@pytest.mark.parametrize("name", BGC)
def test_each_change_is_its_reference(name, percentile):
    x = reference("sg2/ada/x")
    changed = ADA([name]).change(x, Percentile(x, percentile))
    assert_close(changed, reference(f"sg2/ada/{name}_pct{percentile}"), 1e-8)


@pytest.mark.data
def test_all_changes_together_are_their_reference():
    x = reference("sg2/ada/x")
    for percentile in (0.3, 0.8):
        name = f"sg2/ada/bgc_pct.{percentile * 10:.0f}"
        assert_close(ADA().change(x, Percentile(x, percentile)), reference(name), 1e-8)
    grey = x[:, :1]
    assert_close(ADA().change(grey, Percentile(grey, 0.3)), reference("sg2/ada/bgc_grey_pct.3"), 1e-8)


@pytest.mark.data
def test_draws_come_in_the_order_of_the_source():
    x = reference("sg2/ada/x")
    draws = Stored(x, 0.6, [reference(name) for name in names_with("sg2/ada/bgc_random_draw")])
    assert_close(ADA().change(x, draws), reference("sg2/ada/bgc_random_p.6"), 1e-8)
    assert next(draws.stored, None) is None  # all 26 were used


def test_a_whole_shift_reflects_what_comes_in():
    images = torch.randn(1, 1, 6, 8, dtype=torch.float64)
    draws = Stored(images, 1.0, [torch.tensor([[1.0, 0.0]]), torch.zeros(1)])  # x by an eighth of 8, y by -0.75 of 1
    moved = ADA(["xint"]).change(images, draws)
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), "reflect")
    assert_close(moved, padded[:, :, 2:, :-2], 1e-6)


def test_a_flip_and_a_quarter_turn_keep_the_centre():
    at = torch.linspace(-1, 1, 16, dtype=torch.float64)
    smooth = (at[:, None] + 2 * at).sin()[None, None]
    flipped = ADA(["xflip"]).change(smooth, Stored(smooth, 1.0, [torch.tensor([0.9]), torch.zeros(1)]))
    turned = ADA(["rotate90"]).change(smooth, Stored(smooth, 1.0, [torch.tensor([0.3]), torch.zeros(1)]))
    inner = (..., slice(2, -2), slice(2, -2))  # reflection has a kink; the filter is not symmetric
    assert_close(flipped[inner], smooth.flip(3)[inner], 0.05)
    assert_close(turned[inner], smooth.rot90(1, (2, 3))[inner], 0.05)


def test_scales_are_those_drawn():
    images = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    for name, expected in (("scale", (0.5, 0.5)), ("aniso", (0.5, 2.0))):
        draws = Stored(images, 1.0, [torch.tensor([5.0]), torch.zeros(1)])  # 2 to the power of 0.2 * 5
        assert draw_geometry(draws, [name]).diagonal(dim1=1, dim2=2).flatten().tolist() == [*expected, 1]


def test_two_rotations_leave_the_image_alone_with_probability_1_minus_p():
    images = torch.zeros(4000, 1, 1, 1)
    turned = draw_geometry(Draws(images, torch.tensor(0.6)), ["rotate"])
    assert ((turned - torch.eye(3)).abs().amax((1, 2)) < 1e-6).double().mean().item() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("shape", [(2, 1, 7, 9), (2, 3, 8, 8)])
def test_nothing_changes_at_p_0_and_much_at_p_1(shape):
    images = torch.randn(shape, dtype=torch.float64)
    assert_close(ADA()(images), images, 1e-6)
    changed = ADA(p=1.0)(images)
    assert changed.shape == images.shape
    assert (changed - images).abs().max() > 0.1


def test_draws_are_those_of_the_global_generator():
    images, ada = torch.randn(2, 3, 8, 8), ADA(p=0.7)
    torch.manual_seed(3)
    first = ada(images)
    torch.manual_seed(3)
    assert torch.equal(first, ada.eval()(images))
    assert not torch.equal(first, ada(images))


def test_half_precision_is_computed_in_full():
    images, ada = torch.randn(2, 3, 8, 8).bfloat16(), ADA(p=0.7)
    torch.manual_seed(3)
    with torch.autocast("cpu", torch.bfloat16):
        changed = ada(images)
    torch.manual_seed(3)
    assert torch.equal(changed, ada(images.float()).bfloat16())


def test_sampling_is_grid_sample_and_has_two_derivatives():
    images = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    grid = torch.rand(2, 3, 3, 2, dtype=torch.float64) * 2.6 - 1.3  # some of it outside
    expected = torch.nn.functional.grid_sample(images, grid, align_corners=False)
    assert_close(sample_bilinear(images, grid), expected)
    assert torch.autograd.gradcheck(lambda x: sample_bilinear(x, grid), images)
    assert torch.autograd.gradgradcheck(lambda x: sample_bilinear(x, grid).pow(3), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_r1_goes_through_all_changes(channels):
    """The derivative of the penalty in the critic's weights against differences."""
    images, ada = torch.randn(2, channels, 6, 6, dtype=torch.float64), ADA(p=0.9)
    weight = torch.randn(channels * 36, dtype=torch.float64, requires_grad=True)

    def penalty(weight):
        torch.manual_seed(1)
        return zero_centred_penalty(lambda x: (ada(x).flatten(1) @ weight).tanh(), images)

    assert torch.autograd.gradcheck(penalty, weight)


def test_p_moves_every_four_steps_by_the_images_seen():
    ada = ADA(images=1000)
    for step in range(1, 9):
        ada.observe(torch.tensor([1.0, 2.0, 0.5, 3.0, -1.0]))  # r is 0.6 here, and 1 in the next
        ada.observe(torch.ones(5))
        ada.adapt()
        assert ada.p.item() == pytest.approx(step // 4 * 40 / 1000)
    assert ada.r.item() == pytest.approx(0.8)
    for _ in range(4):
        ada.observe(torch.tensor([1.0, -1.0]))
        ada.adapt()
    assert ada.r.item() == 0
    assert ada.p.item() == pytest.approx((80 - 8) / 1000)


@pytest.mark.parametrize(("max_p", "expected"), [(1.0, 1.0), (float("inf"), 2.0)])
def test_p_stays_in_its_bounds(max_p, expected):
    ada = ADA(p=1.0, images=10, every=1, max_p=max_p)
    ada.observe(torch.ones(10))
    ada.adapt()
    assert ada.p.item() == expected
    for _ in range(3):
        ada.observe(-torch.ones(10))
        ada.adapt()
    assert ada.p.item() == 0


def test_steps_without_real_images_keep_p_and_no_target_fixes_it():
    ada, fixed = ADA(p=0.5, every=1), ADA(p=0.5, every=1, target=None)
    fixed.observe(torch.ones(8))
    for each in (ada, fixed):
        each.adapt()
        assert each.p.item() == 0.5
    assert fixed.r.item() == 1


def test_state_goes_on_amid_an_interval():
    def step(ada):
        ada.observe(torch.ones(8))
        ada.adapt()

    ada, resumed = ADA(images=100), ADA(images=100)
    for _ in range(3):
        step(ada)
    resumed.load_state_dict(ada.state_dict())
    step(ada)
    step(resumed)
    assert ada.p.item() == pytest.approx(0.32)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in ada.state_dict().items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operations": ["xflip", "blur"]}, "ada: operations is a list of some of xflip"),
        ({"operations": "xflip"}, "ada: operations is a list"),
        ({"p": 1.5}, "p is in"),
        ({"every": 0}, "at least 1"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        AUGMENTATIONS["ada"](**options)


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match="1 or 3 channels, not 2"):
        ADA()(torch.randn(1, 2, 8, 8))
