"""Samples, validations and checkpoints: the same images wherever they are asked for."""

import pytest
import torch
from lightning.pytorch import Callback
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import zoo
from helpers.models import CONV, MARKS, SEED, SHAPE, STILL, buffers, build, every_model, is_plain, loader, same
from helpers.runs import fit, trainer
from zoo.engine.randomness import seeded

pytestmark = MARKS


# -- evaluation and sampling --


@every_model
def test_every_validation_draws_the_same_latents(tmp_path, cls):
    model = build(cls, generator_optimizer=STILL)
    drawn, validations = [], []
    noise = model.prior.noise
    model.prior.noise = lambda *arguments: drawn.append(noise(*arguments)) or drawn[-1]

    class Note(Callback):
        def on_validation_start(self, *_):
            drawn.clear()

        def on_validation_end(self, *_):
            validations.append(list(drawn))

    options = {"limit_val_batches": 2, "val_check_interval": 1}
    fit(tmp_path, model, Note(), steps=3, val=loader(model, n=5), **options)
    assert len(validations) == 3
    assert same(validations[0], validations[1])
    assert same(validations[0], validations[2])
    with torch.no_grad():
        blocks = [noise(model.prior.block, seeded("sample", SEED, block)) for block in range(2)]
    assert {len(latents) for latents in validations[0]} == {model.prior.block}
    assert all(any(torch.equal(latents, block) for block in blocks) for latents in validations[0])


def test_images_need_no_tuple_around_them(tmp_path):
    """Also one-channel images, whose first image would pass for a batch."""
    model, images = build(zoo.GAN), torch.rand(6, *SHAPE) * 2 - 1
    gaps = []
    for data in (DataLoader(images, batch_size=6), DataLoader(TensorDataset(images), batch_size=6)):
        player = trainer(tmp_path, limit_val_batches=1)
        gaps.append(player.validate(model, data, verbose=False)[0]["val/critic_gap"])
        assert fit(tmp_path, build(zoo.GAN), steps=1, data=data).global_step == 1
    assert gaps[0] == gaps[1]
    model.eval()
    with torch.no_grad():
        fake = model.prior(64, seeded("sample", SEED, 0)).z[:6]
        fake = model.generator(fake)
        assert gaps[0] == pytest.approx((model.critic(images).mean() - model.critic(fake).mean()).item())


class Mean(nn.Module):
    """A critic of brightness."""

    def forward(self, images, labels=None):  # noqa: D102
        return images.mean((1, 2, 3))


@every_model
def test_the_gap_is_real_minus_fake_in_validation_and_in_test(tmp_path, cls):
    model = build(cls)
    model.critic = Mean()
    (scores,) = trainer(tmp_path, limit_test_batches=2).test(model, data := loader(model), verbose=False)
    images = data.dataset.tensors[0][: 4 * model.critic_steps]
    labels = data.dataset.tensors[1][: len(images)] if model.is_conditional else None
    fakes = model.eval().numbered(torch.arange(len(images)), labels)
    assert scores["test/critic_gap"] == pytest.approx((images.mean() - fakes.mean()).item(), abs=1e-6)


@every_model
def test_sampling_is_in_inference_mode_and_leaves_no_trace(cls):
    model = build(cls).train()
    norms = (part for part in model.generator.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm))
    frozen = next(norms, model.generator).eval()
    modes, state, statistics = [part.training for part in model.modules()], torch.get_rng_state(), buffers(model)
    images = model.sample(7, torch.Generator().manual_seed(1))
    assert images.shape == (7, *model.image_shape)
    assert images.dtype == torch.float32
    assert not images.requires_grad
    assert images.abs().max() <= 1
    assert images.unique().numel() > 50
    assert [part.training for part in model.modules()] == modes
    assert not frozen.training
    assert same(statistics, buffers(model))
    assert torch.equal(state, torch.get_rng_state())
    # inference: an image is the same in whatever company
    torch.manual_seed(99)
    assert torch.equal(model.sample(7, torch.Generator().manual_seed(1)), images)
    assert torch.equal(model.eval().sample(7, torch.Generator().manual_seed(1)), images)
    assert not torch.equal(model.sample(7, torch.Generator().manual_seed(2)), images)
    torch.manual_seed(5)
    first, second = model.sample(7), model.sample(7)
    torch.manual_seed(5)
    assert torch.equal(model.sample(7), first)
    assert not torch.equal(first, second)


def test_one_sample_needs_no_batch():
    assert build(zoo.GAN, **CONV).train().sample(1).shape == (1, 1, 8, 8)


@every_model
def test_prediction_makes_one_image_for_each_number(tmp_path, cls):
    model = build(cls)
    batches = trainer(tmp_path).predict(model, DataLoader(torch.arange(5), batch_size=2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert len(torch.cat(batches).unique(dim=0)) == 5


# -- saving --


@every_model
def test_a_checkpoint_needs_no_config_and_no_pickle(tmp_path, cls):
    optimizer = {"name": "rmsprop", "lr": 1e-3}
    model = build(cls, critic_steps=3, critic_optimizer=optimizer)
    fit(tmp_path, model).save_checkpoint(tmp_path / "model.ckpt")
    checkpoint = torch.load(tmp_path / "model.ckpt", weights_only=True)
    assert checkpoint["model_class"] == cls.__name__
    assert is_plain(dict(checkpoint["hyper_parameters"]))
    loaded = cls.load_from_checkpoint(tmp_path / "model.ckpt", map_location="cpu")
    assert loaded.hparams == model.hparams
    assert (loaded.critic_steps, loaded.image_shape, loaded.trained_steps) == (3, model.image_shape, 4)
    assert loaded.optimizer_configs[0] == optimizer
    assert same(list(loaded.state_dict().values()), list(model.state_dict().values()))
    first, second = (one.sample(5, torch.Generator().manual_seed(3)) for one in (model, loaded))
    assert torch.equal(first, second)


@every_model
def test_every_argument_is_a_plain_hyperparameter(cls):
    model = build(cls)
    own = {name for name in cls.__init__.__annotations__ if name not in ("return", "kwargs")}
    assert own | {"image_shape", "network", "latent_dim", "critic_steps", "schedule"} <= set(model.hparams)
    assert "kwargs" not in model.hparams
    assert is_plain(dict(model.hparams))
