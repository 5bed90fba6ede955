"""Options of sampling: truncation, standing statistics, the network's own noise."""

import pytest
import torch
from torch import nn

import zoo
from helpers.models import CONV, MARKS, build
from zoo.engine.batch import Latents
from zoo.engine.prior import truncated_normal, turns
from zoo.engine.sampler import Sampler
from zoo.engine.standing import with_standing_statistics
from zoo.networks.pair import Pair
from zoo.priors import Normal, Uniform

pytestmark = MARKS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_truncation_is_the_truncated_normal_and_keeps_the_order_of_draws():
    noise = torch.randn(200_000, 1, generator=seeded(), dtype=torch.float64)
    cut = truncated_normal(noise, 0.7)
    assert cut.abs().max() <= 0.7
    order = noise.flatten().argsort()
    assert (cut.flatten()[order].diff() >= 0).all()
    # the truncated normal's variance: 1 - 2 t phi(t) / (2 Phi(t) - 1)
    t = torch.tensor(0.7, dtype=torch.float64)
    density = torch.exp(-t * t / 2) / (2 * torch.pi) ** 0.5
    assert cut.var().item() == pytest.approx(1 - (2 * t * density / (2 * torch.special.ndtr(t) - 1)).item(), rel=0.02)
    torch.testing.assert_close(truncated_normal(noise, 30.0), noise)


@pytest.mark.parametrize("most", [0.0, -1.0, float("inf")])
def test_a_truncation_that_is_none_is_refused(most):
    with pytest.raises(ValueError, match="truncation must be finite and above 0"):
        build(zoo.GAN).sample(2, truncation=most)
    with pytest.raises(ValueError, match="truncation is for normal latents: the prior Uniform has none"):
        build(zoo.GAN, prior="uniform", sampling={"truncation": 0.5})


def test_truncation_changes_samples_and_not_their_draws():
    model = build(zoo.GAN)
    wide = model.sample(5, seeded())
    cut = model.sample(5, seeded(), truncation=0.3)
    assert not torch.equal(wide, cut)
    latents = model.prior(5, seeded(), truncation=0.3)
    assert latents.z.abs().max() <= 0.3
    torch.testing.assert_close(model(latents.z), cut)
    always = build(zoo.GAN, sampling={"truncation": 0.3})
    always.load_state_dict(model.state_dict())
    assert torch.equal(always.sample(5, seeded()), cut)
    torch.testing.assert_close(always.numbered(torch.arange(5)), always.eval().numbered(torch.arange(9))[:5])
    assert not torch.equal(always.numbered(torch.arange(5)), model.numbered(torch.arange(5)))


class Mapped(nn.Module):
    """A generator with a truncation of its own, as StyleGAN2's of w, and with noise."""

    sampling_options = ("truncation",)
    draws_noise = True

    def __init__(self, latent_dim, image_shape):
        super().__init__()
        self.shape = image_shape
        self.weight = nn.Parameter(torch.ones(latent_dim))

    def forward(self, latents, truncation=1.0, source=None):
        """The mean latent, truncated, and noise."""
        if isinstance(source, list):  # one for each image
            noise = torch.stack([torch.randn(1, 1, 1, generator=each) for each in source])
        else:
            noise = torch.randn(len(latents), 1, 1, 1, generator=source)
        return ((latents * self.weight).mean(1) * truncation).view(-1, 1, 1, 1).expand(-1, *self.shape) + noise


class Flat(nn.Module):
    """A critic."""

    def __init__(self, image_shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images):
        """Brightness."""
        return self.weight * images.mean((1, 2, 3))


def test_a_generator_may_truncate_by_itself_and_its_noise_comes_from_the_given_generator(monkeypatch):
    monkeypatch.setitem(zoo.gan.NETWORKS, "mapped", Pair(Mapped, Flat))
    model = zoo.GAN(image_shape=(1, 2, 2), network="mapped", latent_dim=3, sampling={"truncation": 0.0})
    z = model.prior(4, source := seeded()).z
    assert z.abs().max() > 0.5, "the prior is left alone"
    noise = torch.randn(4, 1, 1, 1, generator=source)
    torch.testing.assert_close(model.sample(4, seeded()), noise.expand(-1, 1, 2, 2), msg="at truncation 0, noise alone")
    state = torch.get_rng_state()
    assert torch.equal(model.sample(4, seeded()), model.sample(4, seeded()))
    assert torch.equal(torch.get_rng_state(), state)
    whole = model.numbered(torch.arange(6))
    torch.testing.assert_close(model.numbered(torch.tensor([4, 1])), whole[[4, 1]])


def test_standing_statistics_are_those_of_samples_on_a_copy():
    generator = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    sampler = Sampler(Normal(3), generator)
    before = {name: value.clone() for name, value in sampler.state_dict().items()}
    copy = with_standing_statistics(sampler, 20, 500)
    assert all(torch.equal(value, before[name]) for name, value in sampler.state_dict().items())
    weight = generator[0].weight
    torch.testing.assert_close(copy.generator[1].running_mean, generator[0].bias.detach(), atol=0.05, rtol=0)
    torch.testing.assert_close(copy.generator[1].running_var, weight.square().sum(1).detach(), rtol=0.1, atol=0)
    again = with_standing_statistics(sampler, 20, 500)
    assert torch.equal(copy.generator[1].running_mean, again.generator[1].running_mean)


def test_a_model_makes_its_copy_anew_only_when_its_weights_move():
    model = build(zoo.GAN, **CONV, sampling={"standing_statistics": 3})
    plain = build(zoo.GAN, **CONV)
    plain.load_state_dict(model.state_dict())
    first = model.sample(4, seeded())
    assert not torch.equal(first, plain.sample(4, seeded()))
    copy = model.standing.copy
    assert torch.equal(model.sample(4, seeded()), first)
    assert model.standing.copy is copy
    with torch.no_grad():
        next(model.generator.parameters()).mul_(2)
    model.sample(4, seeded())
    assert model.standing.copy is not copy
    assert not any(key.startswith("standing") for key in model.state_dict())


def test_an_option_of_one_call_replaces_the_model_s_for_that_call():
    model = build(zoo.GAN, **CONV, sampling={"standing_statistics": 3, "truncation": 0.2})
    plain = build(zoo.GAN, **CONV)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(model.sample(4, seeded(), standing_statistics=None, truncation=None), plain.sample(4, seeded()))
    one = plain.sample(4, seeded(), standing_statistics=3, truncation=0.2)
    assert torch.equal(one, model.sample(4, seeded()))
    assert not torch.equal(one, plain.sample(4, seeded(), truncation=0.2))


def test_turns_are_even_as_far_as_they_go():
    cpu = torch.device("cpu")
    assert turns(7, 3, cpu, spread=False).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert turns(5, 4, cpu, spread=True).tolist() == [0, 1, 2, 3, 0]
    assert turns(2, 4, cpu, spread=True).tolist() == [0, 2]


def test_latents_of_rows_keep_their_labels():
    latents = Latents(torch.arange(6.0).view(3, 2), torch.tensor([5, 6, 7])).rows(torch.tensor([2, 0]))
    assert latents.z.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert latents.labels.tolist() == [7, 5]
    assert Uniform(2)(3).labels is None
