"""SAGAN and BigGAN: the hinge with labels, the sources' constants, orthogonal regularisation, the critic's batches."""

import pytest
import torch
from torch import nn

import zoo
from helpers.blocks import assert_close, reference
from helpers.models import MARKS, build, loader, watched
from helpers.papers import images_of, reading, slopes
from helpers.runs import fit
from zoo.engine.average import MovingAverage
from zoo.engine.regulariser import GENERATOR
from zoo.networks import NETWORKS
from zoo.penalties import orthogonal_penalty

pytestmark = MARKS
both = pytest.mark.parametrize("cls", [zoo.SAGAN, zoo.BigGAN])


@both
def test_the_losses_are_hinges_for_the_critic_and_a_mean_for_the_generator(cls):
    model, real, fake = reading(cls), images_of([2.0, -1.0, 0.5], [0, 1, 2]), images_of([1.0, 0.0, -3.0], [2, 1, 0])
    assert model.critic_loss(real, fake).item() == pytest.approx((0 + 2 + 0.5 + 2 + 1 + 0) / 3)
    assert model.generator_loss(real, fake).item() == pytest.approx(-(1 + 0 - 3) / 3)
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    assert on_real == pytest.approx([0, -1 / 3, -1 / 3])
    assert on_fake == pytest.approx([1 / 3, 1 / 3, 0])
    assert slopes(model.generator_loss(real, fake), real, fake) == [0, pytest.approx([-1 / 3] * 3)]


@both
def test_the_players_are_told_the_labels(cls):
    model = build(cls)
    assert model.generator.num_labels == model.critic.num_labels == 3


@pytest.mark.parametrize(
    ("cls", "steps", "rates", "betas"),
    [(zoo.SAGAN, 1, (4e-4, 1e-4), (0.0, 0.9)), (zoo.BigGAN, 4, (2e-4, 2e-4), (0.0, 0.999))],
)
def test_the_constants_are_the_authors(cls, steps, rates, betas):
    model = build(cls)
    assert model.critic_steps == steps
    assert tuple(each.defaults["lr"] for each in model.configure_optimizers()) == rates
    assert all(each.defaults["betas"] == betas for each in model.configure_optimizers())


# -- orthogonal regularisation --


def test_the_penalty_is_the_squared_products_of_different_rows():
    rows = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]])
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = 2 * sum((rows[i] @ rows[j]).item() ** 2 for i, j in pairs)
    assert orthogonal_penalty([rows]).item() == pytest.approx(expected)
    assert orthogonal_penalty([rows, rows.view(3, 2, 1, 1)]).item() == pytest.approx(2 * expected)
    assert orthogonal_penalty([7 * torch.eye(3, 5)]).item() == 0, "rows of any length"


def test_its_gradient_is_4_times_what_the_code_s_weight_multiplies_by_2():
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(orthogonal_penalty([weight]), weight)
    others = weight @ weight.T * (1 - torch.eye(3))
    torch.testing.assert_close(gradient, 4 * others @ weight)


def gradients(conv, dense, shared):
    """Return the gradients of a BigGAN's regularisation whose generator has these weights."""
    model = build(zoo.BigGAN, orthogonal=1e-4)
    model.generator = nn.Module()
    model.generator.conv, model.generator.dense = nn.Parameter(conv), nn.Parameter(dense)
    model.generator.shared = nn.Embedding(*shared.shape, _weight=shared)
    model.orthogonal_loss(images_of([0.0])).backward()
    return [weight.grad for weight in model.generator.parameters()]


def test_the_model_s_gradient_has_the_code_s_factor_and_leaves_the_shared_embedding_out():
    weights = [torch.randn(shape, dtype=torch.float64) for shape in ((4, 3, 3, 3), (4, 5), (3, 4))]
    *found, on_shared = gradients(*weights)
    for weight, gradient in zip(weights, found, strict=False):
        rows = weight.flatten(1)
        expected = 1e-4 * 2 * (rows @ rows.T * (1 - torch.eye(len(rows)))) @ rows
        torch.testing.assert_close(gradient.flatten(1), expected)
    assert on_shared is None


@pytest.mark.data
def test_the_model_s_gradient_is_that_of_the_code():
    """The reference's third matrix is left out there, too."""
    names = "c.weight", "l.weight", "b.weight"
    found = gradients(*reference(*(f"bg/ortho/param/{name}" for name in names)))
    for name, gradient in zip(names[:2], found, strict=False):
        assert_close(gradient, reference(f"bg/ortho/grad_modified/{name}"))


def test_it_is_a_term_of_every_generator_update(tmp_path):
    assert not build(zoo.BigGAN).regularisers
    model = build(zoo.BigGAN, orthogonal=1e-4, critic_steps=1)
    (term,) = model.regularisers
    assert (term.name, term.player, term.every) == ("orthogonal", GENERATOR, 1)
    fit(tmp_path, model, steps=2)
    assert model.observed["orthogonal"] > 0


def test_it_makes_rows_orthogonal(tmp_path):
    after = []
    for weight in (0.0, 100.0):
        torch.manual_seed(0)
        model = build(zoo.BigGAN, orthogonal=weight, critic_steps=1)
        with torch.no_grad():
            for each in model.generator.parameters():
                each.mul_(10)
        fit(tmp_path, model, steps=20)
        after.append(orthogonal_penalty([model.generator.blocks[0].conv1.weight.detach()]).item())
    assert after[1] < 0.95 * after[0]


# -- the critic's batches --


@pytest.mark.parametrize("accumulate", [1, 2])
def test_critic_updates_of_a_step_see_new_images_or_the_same(tmp_path, accumulate):
    for how, batches in (("new", 3), ("same", 1)):
        model = build(watched(zoo.BigGAN), critic_steps=3, critic_batch=how, accumulate=accumulate)
        assert model.batches_per_step == batches
        data = loader(model, steps=2, n=4) if how == "new" else one_batch(model)
        fit(tmp_path, model, steps=2, data=data)
        assert [move["who"] for move in model.moves] == [*["critic"] * 3, "generator"] * 2
        seen = [move["real"] for move in model.moves[:3]]
        latents = [move["latents"] for move in model.moves[:3]]
        assert torch.equal(seen[0], seen[1]) == torch.equal(seen[1], seen[2]) == (how == "same")
        assert not torch.equal(latents[0], latents[1]), "fakes are always new"
        assert [len(each) for each in seen] == [4] * 3


def one_batch(model):
    images, labels = torch.rand(8, *model.image_shape) * 2 - 1, torch.arange(8) % 3
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"critic_batch": "old"}, "critic_batch must be one of new, same; got 'old'"),
        ({"orthogonal": -1.0}, "orthogonal must be finite and at least 0, got -1.0"),
    ],
)
def test_values_that_cannot_be_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.BigGAN, **options)


# -- its average: a copy at first --


def test_an_average_may_start_late():
    """BigGAN's code copies in iterations before the 1,000th, then has its full decay."""
    module = torch.nn.Linear(1, 1)
    average = MovingAverage(module, 0.9, warmup=0, start=3)
    values = []
    for value in (1.0, 2.0, 4.0, 8.0):
        torch.nn.init.constant_(module.weight, value)
        average.update(module)
        values.append(average.module.weight.item())
    assert values == pytest.approx([1, 2, 0.9 * 2 + 0.1 * 4, 0.9 * 2.2 + 0.1 * 8])
    warm = MovingAverage(module, 0.9, warmup=2, start=3)
    assert [warm.next_decay(1) for _ in range(5)] == pytest.approx([0, 0, 0, 1 / 3, 2 / 4])
    with pytest.raises(ValueError, match="start must be at least 0, got 9 and -1"):
        MovingAverage(module, start=-1)


def test_tiny_networks_have_all_their_layers():
    tiny = NETWORKS["biggan"].tiny
    assert {"shared_dim", "hierarchical", "attention"} <= tiny.generator.keys()
