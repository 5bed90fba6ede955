"""Priors: their laws, and that every draw is a function of the generator it is given."""

import pytest
import torch

from zoo.networks import build
from zoo.priors import PRIORS, GaussianMixture, Normal, Prior, Uniform

DIM = 16  # room for the codes


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mixture(dim=3, components=4, **options):
    return GaussianMixture(dim, components, **options)


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_draws_from_the_generator_alone(name):
    prior = build(PRIORS[name], DIM, options={})
    (first, labels), (second, same) = prior(10, seeded(1)), prior(10, seeded(1))
    assert first.shape == (10, DIM)
    assert torch.equal(first, second)
    assert not torch.equal(first, prior(10, seeded(2)).z)
    assert (labels is None) == (prior.num_labels is None)
    assert labels is None or torch.equal(labels, same)
    state = torch.get_rng_state()
    prior(10, seeded())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", PRIORS)
def test_every_prior_draws_from_torch_without_a_generator(name):
    prior = build(PRIORS[name], DIM, options={})
    draws = [prior(10).z for _ in range(2) if torch.manual_seed(0)]
    assert torch.equal(*draws)


@pytest.mark.parametrize("sampling", ["random", "stratified", "fixed"])
def test_mixture_choice_and_noise_both_come_from_the_generator(sampling):
    prior = mixture(sampling=sampling)
    state = torch.get_rng_state()
    assert torch.equal(prior(8, seeded()).z, prior(8, seeded()).z)
    assert torch.equal(prior.choose(8, seeded()), prior.choose(8, seeded()))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("name", PRIORS)
def test_latents_have_the_prior_s_dtype(name):
    assert build(PRIORS[name], DIM, options={}).double()(2, seeded()).z.dtype == torch.float64


def test_normal_and_uniform_laws():
    normal, uniform = Normal(2)(20_000, seeded()).z, Uniform(2)(20_000, seeded()).z
    assert normal.mean() == pytest.approx(0, abs=0.03)
    assert normal.std() == pytest.approx(1, abs=0.03)
    assert uniform.min() >= -1
    assert uniform.max() < 1
    assert uniform.mean() == pytest.approx(0, abs=0.03)
    assert uniform.std() == pytest.approx(3**-0.5, abs=0.03)


@pytest.mark.parametrize("prior", [Normal(2), Uniform(2)])
def test_priors_without_parameters_have_no_penalty(prior):
    assert isinstance(prior, Prior)
    assert prior.penalty() == 0
    assert not list(prior.parameters())
    assert not prior.state_dict()


def test_mixture_starts_as_in_the_paper():
    prior = GaussianMixture(100, 50)
    assert prior.mu.shape == prior.sigma.shape == (50, 100)
    assert prior.mu.min() >= -1
    assert prior.mu.max() <= 1
    assert prior.mu.std().item() == pytest.approx(3**-0.5, rel=0.05)
    assert (prior.sigma == 0.2).all()
    assert (GaussianMixture(2, 3, sigma_init=0.02).sigma == 0.02).all()


def test_a_sigma_that_is_not_random_draws_nothing():
    """Else every weight that is drawn later would be another, and no earlier run could be repeated."""
    after = []
    for make in (lambda: GaussianMixture(2, 3, sigma_init=0.2), lambda: torch.empty(3, 2).uniform_(-1, 1)):
        torch.manual_seed(0)
        make()
        after.append(torch.rand(1))
    assert torch.equal(*after)


def test_reparameterize_by_hand():
    prior = mixture(2, 3)
    prior.mu.data = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    prior.sigma.data = torch.tensor([[1.0, 10.0], [0.5, 0.0], [-1.0, 2.0]])
    latents = prior.reparameterize(
        torch.tensor([2, 0, 1, 2]), torch.tensor([[1.0, 1.0], [2.0, 3.0], [4.0, 9.0], [0, 0]])
    )
    assert latents.tolist() == [[3.0, 7.0], [2.0, 31.0], [4.0, 3.0], [4.0, 5.0]]


def test_gradients_reach_the_chosen_components_only():
    prior = mixture(2, 3)
    noise = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    prior.reparameterize(torch.tensor([1, 1]), noise).sum().backward()
    assert prior.mu.grad.tolist() == [[0, 0], [2, 2], [0, 0]]
    assert prior.sigma.grad.tolist() == [[0, 0], [4, 7], [0, 0]]


def test_penalty_by_hand_and_where_it_pulls():
    prior = mixture(2, 2, sigma_weight=0.5)
    prior.sigma.data = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    penalty = prior.penalty()
    assert penalty.item() == pytest.approx(0.5 * (0 + 1 + 4 + 1) / 4)
    penalty.backward()
    assert torch.equal(prior.sigma.grad.sign(), torch.tensor([[0.0, -1.0], [1.0, 1.0]]))  # descent moves sigma to 1
    assert prior.mu.grad is None


def test_random_sampling_chooses_every_component_equally_often_on_average():
    counts = torch.bincount(mixture(components=5).choose(20_000, seeded()), minlength=5)
    assert counts.sum() == 20_000
    assert (counts - 4000).abs().max() < 300  # five standard deviations


def test_stratified_sampling_is_equal_counts_in_random_order():
    prior = mixture(components=4, sampling="stratified")
    index, other = prior.choose(12, seeded(0)), prior.choose(12, seeded(1))
    assert torch.bincount(index).tolist() == torch.bincount(other).tolist() == [3, 3, 3, 3]
    assert not torch.equal(index, other)
    first = torch.stack([prior.choose(12, seeded(seed))[0] for seed in range(400)])
    assert torch.bincount(first, minlength=4).min() > 60  # any component can come first
    rounds = torch.cat([prior.choose(12, seeded(seed)).view(3, 4) for seed in range(9)])
    assert any(len(four.unique()) < 4 for four in rounds)  # not one of each by turns


def test_stratified_sampling_refuses_unequal_counts_in_training():
    prior = mixture(components=4, sampling="stratified")
    with pytest.raises(ValueError, match="a multiple of components=4 latents, got 10"):
        prior(10)
    counts = torch.stack([torch.bincount(prior.eval().choose(10, seeded(s)), minlength=4) for s in range(50)])
    assert sorted(counts.unique().tolist()) == [2, 3]
    assert (counts.sum(0) > 100).all()  # the odd ones fall on any component


@pytest.mark.parametrize("n", [4, 8, 6])
def test_fixed_sampling_ties_component_to_slot(n):
    prior = mixture(components=4, sampling="fixed")
    assert prior.choose(n, seeded()).tolist() == [slot % 4 for slot in range(n)]
    noise = prior.normal(n, seeded())
    assert torch.equal(prior(n, seeded()).z, prior.reparameterize(torch.arange(n) % 4, noise))


def test_uniform_noise_stays_in_the_box():
    prior = mixture(components=1, noise="uniform", sigma_init=0.5)
    offset = (prior(5000, seeded()).z - prior.mu).detach() / 0.5
    assert offset.abs().max() <= 1 + 1e-5
    assert offset.std().item() == pytest.approx(3**-0.5, rel=0.05)
    evaluated = (prior.eval()(5000, seeded()).z - prior.mu).detach() / 0.5
    assert evaluated.std().item() == pytest.approx(1, rel=0.05)  # normal, as in the authors' code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling": "sorted"}, "sampling must be .*random.*stratified.*fixed.*sorted"),
        ({"noise": "cauchy"}, "noise normal or uniform.*cauchy"),
        ({"components": 0}, "components must be at least 1"),
        ({"sigma_weight": -1.0}, "sigma_weight at least 0"),
    ],
)
def test_mixture_refuses_what_it_is_not(options, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(2, **options)
