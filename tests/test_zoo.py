"""Every model of the zoo: who moves when and on what, as its paper says."""

import copy
import itertools
import re
import warnings

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import zoo
from helpers.models import CONV, MARKS, MODELS, SEED, buffers, build, every_model, loader, same, watched, weights
from helpers.runs import fit, trainer
from zoo.engine.randomness import derive_seed
from zoo.engine.regulariser import correction, due
from zoo.networks import count_parameters

pytestmark = MARKS


# -- the catalogue --


def test_the_models_are_found():
    assert {"GAN", "WGAN", "WGANGP", "DeLiGAN"} <= {cls.__name__ for cls in MODELS}
    assert sorted(zoo.__all__) == sorted(set(zoo.__all__))


@every_model
def test_a_model_is_one_paper_and_at_most_one_class_from_gan(cls):
    (base,) = (cls,) if cls is zoo.GAN else cls.__bases__
    is_variant = base is not zoo.GAN  # of a paper, in its file
    assert not is_variant or (base.__module__ == cls.__module__ and base.__bases__ == (zoo.GAN,))
    assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}", cls.paper)
    assert cls.paper in (base if is_variant else cls).__doc__
    assert cls is zoo.GAN or is_variant or "paper" in vars(cls)


def test_parameter_counts_are_those_of_the_sources():
    gan = zoo.GAN(network="mlp")
    assert (count_parameters(gan.generator), count_parameters(gan.critic)) == (1_493_520, 533_505)
    with pytest.warns(UserWarning, match="batch norm or dropout"):
        keras = zoo.WGANGP(network="keras_conv", critic_options={"norm": "batch", "dropout": 0.25})
    assert (count_parameters(keras.generator), count_parameters(keras.critic)) == (1_028_673, 100_097)


# -- who moves, on what --


@every_model
@pytest.mark.parametrize("critic_steps", [1, 2, 5])
def test_in_each_step_the_critic_moves_critic_steps_times_then_the_generator_once(tmp_path, cls, critic_steps):
    model = build(watched(cls), critic_steps=critic_steps)
    data = loader(model, steps=3)
    player = fit(tmp_path, model, steps=3, data=data)
    assert [move["who"] for move in model.moves] == [*["critic"] * critic_steps, "generator"] * 3
    assert [move["step"] for move in model.moves] == [step for step in range(3) for _ in range(critic_steps + 1)]
    assert [move["counted"] for move in model.moves] == [*[0] * critic_steps, 1] * 3
    assert all(move["changed"] == [move["who"]] for move in model.moves)
    assert all(move["critic_gradients_kept"] for move in model.moves if move["who"] == "generator")
    assert player.global_step == 3
    parts = iter(data.dataset.tensors[0].split(2))
    for move in model.moves:
        if move["who"] == "critic":
            part = next(parts)
        assert torch.equal(move["real"], part)  # the generator is shown the critic's last
    shared = [(i, i + 1) for i in range(critic_steps - 1, len(model.moves), critic_steps + 1)]
    for (i, one), (j, other) in itertools.combinations(enumerate(model.moves), 2):
        assert torch.equal(one["latents"], other["latents"]) == (model.reuse_critic_noise and (i, j) in shared)


REFERENCES = {
    zoo.GAN: lambda critic, real, fake: (
        binary_cross_entropy_with_logits(critic(real), torch.ones(len(real)).double()) / 2
        + binary_cross_entropy_with_logits(critic(fake), torch.zeros(len(fake)).double()) / 2
    ),
    zoo.WGAN: lambda critic, real, fake: critic(fake).mean() - critic(real).mean(),
    zoo.WGANGP: lambda critic, real, fake: critic(fake).mean() - critic(real).mean() + 10 * penalty(critic, real, fake),
}
REFERENCES[zoo.DeLiGAN] = REFERENCES[zoo.GAN]


def penalty(critic, real, fake):
    epsilon = torch.rand(len(real), 1, 1, 1, dtype=torch.float64)
    x_hat = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize("cls", REFERENCES, ids=lambda cls: cls.__name__)
def test_training_is_the_papers_algorithm_written_out(tmp_path, cls):
    model = build(cls, critic_steps=2).double()
    critic, generator, prior = copy.deepcopy((model.critic, model.generator, model.prior))
    data = loader(model, steps=4, n=6, dtype=torch.float64)
    fit(tmp_path, model, data=data, precision="64-true")

    ours = [*generator.parameters(), *prior.parameters()]
    optimizer = {
        zoo.WGAN: lambda players: torch.optim.RMSprop(players, lr=5e-5),
        zoo.WGANGP: lambda players: torch.optim.Adam(players, lr=1e-4, betas=(0.0, 0.9), eps=1e-8),
    }.get(cls, lambda players: torch.optim.Adam(players, lr=2e-4, betas=(0.5, 0.999), eps=1e-7))
    for_critic, for_generator = optimizer(critic.parameters()), optimizer(ours)
    for step, (batch,) in enumerate(data):
        torch.manual_seed(derive_seed("step", SEED, 0, step))
        for real in batch.split(6):
            with torch.no_grad():
                fake = generator(prior(6).z)
            for_critic.zero_grad()
            REFERENCES[cls](critic, real, fake).backward()
            for_critic.step()
            if cls is zoo.WGAN:
                for weight in critic.parameters():
                    weight.data.clamp_(-0.01, 0.01)
        on_fake = critic(generator(prior(6).z))
        adversarial = binary_cross_entropy_with_logits(on_fake, torch.ones(6).double())
        for_generator.zero_grad()
        loss = -on_fake.mean() if cls in (zoo.WGAN, zoo.WGANGP) else adversarial
        if cls is zoo.DeLiGAN:
            loss = loss + 0.1 * (1 - prior.sigma).square().mean()
        loss.backward()
        for_generator.step()
    for trained, reference in ((model.critic, critic), (model.generator, generator), (model.prior, prior)):
        for key, value in reference.state_dict().items():
            assert torch.allclose(trained.state_dict()[key], value, rtol=0, atol=1e-10), key


@pytest.mark.parametrize("cls", REFERENCES, ids=lambda cls: cls.__name__)
def test_batch_norm_sees_every_batch_that_passes_in_training_and_none_in_evaluation(tmp_path, cls):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the gradient penalty and batch norm don't fit
        model = build(cls, **CONV, critic_steps=2, critic_options={"norm": "batch"})
    fit(tmp_path, model, steps=3)

    def batches(network):
        return {int(part.num_batches_tracked) for part in network.modules() if isinstance(part, nn.BatchNorm2d)}

    assert batches(model.generator) == {3 * (2 + 1)}
    passes = 3 if cls is zoo.WGANGP else 2  # real, fake, and those between
    assert batches(model.critic) == {3 * (2 * passes + 1)}
    before = buffers(model)
    trainer(tmp_path, limit_val_batches=1).validate(model, loader(model), verbose=False)
    model.train()
    model.sample(3)
    assert same(before, buffers(model))


@every_model
def test_critic_steps_are_not_counted_by_anyone(tmp_path, cls):
    model = build(watched(cls), critic_steps=5)
    every_second = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=2, save_top_k=-1)
    player = fit(tmp_path, model, every_second, data=loader(model, steps=9), enable_checkpointing=True)
    assert player.global_step == 4
    assert [move["who"] for move in model.moves].count("critic") == 20
    assert len(model.moves) == 24  # it stopped at once
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step=2.ckpt", "step=4.ckpt"]
    saved = torch.load(tmp_path / "step=2.ckpt", weights_only=True)
    assert saved["global_step"] == 2
    state = saved["optimizer_states"]
    for player, updates in enumerate((10, 2)):
        if model.optimizer_configs[player]["name"] == "sgd":
            continue  # it counts no steps
        lazy = sum(len(due(model.terms, player, step)) > 0 for step in range(2))
        steps = {float(values["step"]) for values in state[player]["state"].values()}
        assert steps <= {updates, updates + lazy}  # a penalty leaves the last bias without a gradient
        assert max(steps) == updates + lazy


@every_model
def test_epochs_of_a_plain_loader_follow_each_other(tmp_path, cls):
    model = build(watched(cls))
    player = fit(tmp_path, model, steps=7, data=loader(model, steps=3))
    assert (player.global_step, model.moves[-1]["step"]) == (7, 6)
    latents = [move["latents"] for move in model.moves if move["who"] == "critic"]
    assert not any(torch.equal(*pair) for pair in itertools.combinations(latents, 2))  # no epoch repeats another's


@every_model
def test_both_rates_fall_linearly_between_two_steps(tmp_path, cls):
    model = build(cls, lr_decay=[2, 6], critic_steps=1)
    rates = []

    class Note(Callback):
        def on_train_batch_end(self, trainer, *_):
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers])

    fit(tmp_path, model, Note(), steps=8)
    full = [config["lr"] * correction(model.terms, player) for player, config in enumerate(model.optimizer_configs)]
    shares = [1, 1, 1, 3 / 4, 2 / 4, 1 / 4, 0, 0]
    assert rates == [pytest.approx([share * rate for rate in full]) for share in shares]


# -- what one paper changes --


def test_wgan_keeps_the_weights_but_not_the_statistics_in_the_box(tmp_path):
    options = {"critic_options": {"norm": "batch"}, "critic_steps": 2}
    model = build(watched(zoo.WGAN), **CONV, **options, clip=0.02)
    outside = max(weight.abs().max().item() for weight in weights(model.generator))
    fit(tmp_path, model, steps=2)
    assert len(model.moves) == 6
    for move in model.moves:
        assert all(weight.abs().max() <= 0.02 for weight in move["critic"])
        assert max(weight.abs().max() for weight in move["critic"]) == pytest.approx(0.02)  # and the box is used
    variances = [buffer for name, buffer in model.critic.named_buffers() if name.endswith("running_var")]
    assert max(variance.max() for variance in variances) > 0.1
    assert max(weight.abs().max().item() for weight in weights(model.generator)) > outside / 2 > 0.02


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("keras_conv", {"norm": "batch"}),
        ("keras_conv", {"dropout": 0.25}),
    ],
)
def test_wgan_gp_warns_of_a_critic_that_the_penalty_does_not_fit(network, options):
    with pytest.warns(UserWarning, match=r"batch norm or dropout.*1704\.00028, Section 4"):
        zoo.WGANGP(image_shape=(1, 8, 8), network=network, critic_options=options)


def test_wgan_gp_refuses_a_critic_whose_judgement_is_of_the_batch():
    with pytest.raises(ValueError, match="judges each sample by itself; this one has minibatch discrimination"):
        zoo.WGANGP(image_shape=(1, 8, 8), network="deligan_conv")


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("mlp", {}),
        ("keras_conv", {}),
        *(("keras_conv", {"norm": norm}) for norm in ("instance", "none")),
        ("keras_conv", {"dropout": 0.0}),
    ],
)
def test_wgan_gp_does_not_warn_of_any_other(network, options):
    model = zoo.WGANGP(image_shape=(1, 8, 8), network=network, critic_options=options)  # a warning is an error here
    assert not model.critic_mixes_samples


def test_deligan_is_a_prior_and_any_model_can_have_it(tmp_path):
    assert isinstance(build(zoo.DeLiGAN).prior, zoo.priors.GaussianMixture)
    assert isinstance(build(zoo.DeLiGAN, prior="normal").prior, zoo.priors.Normal)
    options = {"prior": "gaussian_mixture", "prior_options": {"components": 4}}
    model = build(zoo.WGANGP, **options)
    start = copy.deepcopy(model.prior)
    fit(tmp_path, model)
    assert not torch.equal(model.prior.mu, start.mu)
    assert not torch.equal(model.prior.sigma, start.sigma)
