"""Each paper's losses on numbers by hand, and what else is its own."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

import zoo
from helpers.models import MARKS, build, weights
from helpers.runs import digits, fit
from zoo.engine.batch import Batch, Latents

pytestmark = MARKS
ON_REAL, ON_FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, -3.0])
REAL, FAKE = Batch(torch.zeros(3, 1, 1, 1)), Batch(torch.ones(3, 1, 1, 1))


def loss_of(cls, method, **options):
    """The loss of a model whose critic gives ON_REAL and ON_FAKE."""
    outputs = {0.0: ON_REAL, 1.0: ON_FAKE}
    model = SimpleNamespace(
        hparams=SimpleNamespace(**options),
        critic_outputs=lambda *batches: tuple(outputs[float(batch.images.flatten()[0])] for batch in batches),
        observe=lambda **values: None,
        k=torch.tensor(options.get("k", 0.0)),
    )
    return getattr(cls, method)(model, REAL, FAKE).item()


@pytest.mark.parametrize(
    ("cls", "options", "critic", "generator"),
    [
        (zoo.LSGAN, {"a": 0.0, "b": 1.0, "c": 1.0}, (1 + 4 + 0.25 + 1 + 0 + 9) / 6, (0 + 1 + 16) / 6),
        (zoo.LSGAN, {"a": -1.0, "b": 1.0, "c": 0.0}, (1 + 4 + 0.25 + 4 + 1 + 4) / 6, (1 + 0 + 9) / 6),
        (zoo.SNGAN, {}, (0 + 2 + 0.5 + 2 + 1 + 0) / 3, 2 / 3),
        (zoo.ProjectionGAN, {}, (0 + 2 + 0.5 + 2 + 1 + 0) / 3, 2 / 3),
        (zoo.BEGAN, {"k": 0.5}, (1.5 - 0.5 * -2) / 3, -2 / 3),
        (
            zoo.R3GAN,
            {"penalty_every": 2},
            softplus(torch.tensor([-1.0, 1.0, -3.5])).mean().item(),
            softplus(torch.tensor([1.0, -1.0, 3.5])).mean().item(),
        ),
    ],
)
def test_losses_by_hand(cls, options, critic, generator):
    assert loss_of(cls, "critic_loss", **options) == pytest.approx(critic)
    assert loss_of(cls, "generator_loss", **options) == pytest.approx(generator)


def random_batches(model, n=5):
    real, fake = torch.rand(2, n, *model.image_shape) * 2 - 1
    labels = torch.arange(n) % 3
    return Batch(real, labels), Batch(fake, labels.flip(0))


@pytest.mark.parametrize("classify_fakes", [True, False])
def test_acgan_takes_the_cross_entropy_of_logits(classify_fakes):
    model = build(zoo.ACGAN, class_weight=2.0, classify_fakes=classify_fakes)
    real, fake = random_batches(model)
    with torch.no_grad():
        model.classifier.bias.copy_(torch.tensor([9.0, 0.0, -9.0]))  # a softmax would bound the loss
    features = [model.critic.features(batch.images) for batch in (real, fake)]
    on_real, on_fake = (model.critic.score(each) for each in features)
    wrong = [cross_entropy(model.classifier(each), b.labels) for each, b in zip(features, (real, fake), strict=True)]
    adversarial = softplus(-on_real).mean() + softplus(on_fake).mean()
    expected = adversarial + 2 * (wrong[0] + classify_fakes * wrong[1])
    torch.testing.assert_close(model.critic_loss(real, fake), expected)
    torch.testing.assert_close(model.generator_loss(real, fake), softplus(-on_fake).mean() + 2 * wrong[1])


@pytest.mark.parametrize(("cls", "head"), [(zoo.ACGAN, "classifier"), (zoo.InfoGAN, "q")])
def test_an_extra_network_is_trained_with_the_critic_alone(cls, head, tmp_path):
    model = build(cls, generator_optimizer={"name": "sgd", "lr": 0.1}, critic_optimizer={"name": "sgd", "lr": 0.0})
    before = weights(getattr(model, head)), weights(model.generator)
    fit(tmp_path, model, steps=2)
    assert all(torch.equal(*pair) for pair in zip(before[0], weights(getattr(model, head)), strict=True))
    assert not all(torch.equal(*pair) for pair in zip(before[1], weights(model.generator), strict=True))
    model = build(cls, generator_optimizer={"name": "sgd", "lr": 0.0}, critic_optimizer={"name": "sgd", "lr": 0.1})
    before = weights(getattr(model, head))
    fit(tmp_path, model, steps=2)
    assert not all(torch.equal(*pair) for pair in zip(before, weights(getattr(model, head)), strict=True))


def test_a_q_that_finds_the_codes_pays_their_noise_alone():
    model = build(zoo.InfoGAN)
    latents = model.prior(4)
    category = 50 * nn.functional.one_hot(latents.labels, 10).float()
    model.q.forward = lambda features: torch.cat([category, model.prior.codes(latents.z)], 1)
    fake = Batch(torch.zeros(4, *model.image_shape), latents.labels, latents)
    found = model.information(torch.zeros(4, 8), fake)
    assert found.item() == pytest.approx(torch.log(torch.tensor(2 * torch.pi)).item(), rel=1e-5)  # twice half of it
    wrong = Batch(fake.images, fake.labels.roll(1), Latents(-latents.z, latents.labels.roll(1)))
    assert model.information(torch.zeros(4, 8), wrong) > found


@pytest.mark.parametrize(("gamma", "on_real", "on_fake", "k"), [(0.5, 2.0, 0.4, 0.3), (0.5, 0.1, 2.0, 0.0)])
def test_began_s_k_follows_the_balance_and_stays_in_the_unit_interval(gamma, on_real, on_fake, k):
    model = build(zoo.BEGAN, gamma=gamma, k_rate=0.5)
    model.mean_over_ranks = lambda value: value
    model.observe(error_real=torch.tensor(on_real), generator_loss=torch.tensor(on_fake))
    model.adapt()
    assert model.k.item() == pytest.approx(k)
    assert model.observed["convergence"].item() == pytest.approx(on_real + abs(gamma * on_real - on_fake))
    assert "k" in model.state_dict()


@pytest.mark.parametrize("every", [1, 50])
def test_began_s_k_stays_where_a_player_rests_whatever_is_logged(every, tmp_path):
    class Told(zoo.BEGAN):
        def current_generator_loss(self, real, move):
            return 9.0 if self.global_step == 2 else 0.0  # the generator moves in the third step alone

    model = build(Told, schedule="deligan_mnist", reuse_critic_noise=False, k_rate=0.1)
    ks = []
    adapt = model.adapt
    model.adapt = lambda: (adapt(), ks.append(model.k.item()))
    fit(tmp_path, model, steps=4, log_every_n_steps=every)
    assert ks[0] == ks[1] == ks[2] == ks[3] == 0.0, "no step in which both moved"


def test_a_head_needs_a_critic_whose_output_follows_from_its_features():
    for cls in (zoo.ACGAN, zoo.InfoGAN):
        with pytest.raises(ValueError, match=r"needs a critic whose output follows|no option"):
            zoo.__dict__[cls.__name__](network="began", image_shape=(1, 12, 12), latent_dim=16, num_classes=3)


def test_infogan_s_generator_is_told_how_well_its_codes_are_found():
    model = build(zoo.InfoGAN).eval()
    fake = model.generate(model.prior(4))
    whole = model.generator_loss(fake, fake)
    model.information = lambda features, fake: torch.tensor(100.0)
    (on_fake,) = model.critic_outputs(fake)
    torch.testing.assert_close(model.generator_loss(fake, fake), softplus(-on_fake).mean() + 100)
    assert whole < 50


def test_r3gan_s_penalty_is_half_of_gamma_times_both_gradients():
    model = build(zoo.R3GAN, gamma=3.0)
    real, fake = (Batch(torch.rand(4, *model.image_shape)) for _ in range(2))
    squares = []
    for batch in (real, fake):
        x = batch.images.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.critic(x).sum(), x)
        squares.append(slope.square().flatten(1).sum(1).mean())
    torch.testing.assert_close(model.penalty(real, fake), 3.0 / 2 * (squares[0] + squares[1]))
    always = model.critic_loss(real, fake)
    lazy = build(zoo.R3GAN, gamma=3.0, penalty_every=2)
    lazy.load_state_dict(model.state_dict())
    torch.testing.assert_close(always - lazy.critic_loss(real, fake), model.penalty(real, fake))


def test_r3gan_pairs_images():
    model = build(zoo.R3GAN, penalty_every=2)
    real, fake = (Batch(torch.rand(4, *model.image_shape)) for _ in range(2))
    turned = Batch(fake.images.roll(1, 0))
    assert not torch.allclose(model.critic_loss(real, fake), model.critic_loss(real, turned), rtol=1e-7, atol=0)


def test_fakes_of_a_projection_gan_have_labels_of_their_own(tmp_path):
    options = {"network": "mlp", "generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}}
    model = zoo.ProjectionGAN(**options, image_shape=(1, 8, 8), num_classes=10, latent_dim=3, critic_steps=1)
    seen = []
    loss = model.critic_loss
    model.critic_loss = lambda real, fake: seen.append((real.labels, fake.labels)) or loss(real, fake)
    fit(tmp_path, model, steps=2, data=digits(batch_size=32))
    assert len(seen) == 2
    assert not any(torch.equal(real, fake) for real, fake in seen)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (zoo.LSGAN, {"a": 1.0}, "a and b must differ"),
        (zoo.R3GAN, {"gamma": -1.0}, "gamma must be at least 0"),
        (zoo.R3GAN, {"penalty_every": 0}, "penalty_every at least 1"),
        (zoo.BEGAN, {"gamma": 0.0}, r"gamma must be in \(0, 1\]"),
        (zoo.ACGAN, {"class_weight": -1.0}, "class_weight must be finite and at least 0"),
        (zoo.InfoGAN, {"prior": "normal"}, "InfoGAN needs prior codes"),
    ],
)
def test_a_constant_that_cannot_be_is_named(cls, options, message):
    with pytest.raises(ValueError, match=message) as error:
        build(cls, **options)
    assert "\n" not in str(error.value)
