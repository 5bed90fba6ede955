"""Sample k is a function of (seed, k): whatever the batch size, the order and the number of processes."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

import zoo
from datamodules import DigitsDataModule
from helpers.models import MARKS, SEED, SHAPE, build, every_model, latents_for, loader
from helpers.runs import trainer
from zoo.engine.errors import BatchError
from zoo.engine.sampler import Sampler
from zoo.networks.toy import ToyEnsembleGenerator, ToyMoEGenerator
from zoo.priors import GaussianMixture, Normal

pytestmark = MARKS

MIXTURES = [{"sampling": "random"}, {"sampling": "stratified"}, {"sampling": "fixed"}, {"noise": "uniform"}]


def in_turns(experts):
    prior = Normal(2)
    prior.take_labels(experts, in_turns=True)
    return prior


def assert_same(one, other):
    assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "sampler",
    [
        Sampler(Normal(3), torch.nn.Linear(3, 2)),
        *[Sampler(GaussianMixture(3, 10, **options), torch.nn.Linear(3, 2)) for options in MIXTURES],
        Sampler(in_turns(5), ToyMoEGenerator(2, (2, 1, 1), experts=5)),
        Sampler(in_turns(7), ToyEnsembleGenerator(2, (2, 1, 1), members=7)),
    ],
    ids=["normal", "random", "stratified", "fixed", "uniform noise", "MoE", "Ensemble"],
)
def test_the_image_of_a_number_depends_on_nothing_else(sampler):
    sampler.eval()
    with torch.no_grad():
        whole = sampler.numbered(torch.arange(150), 3)
        order = torch.randperm(150)
        assert_same(sampler.numbered(order, 3), whole[order])
        assert_same(torch.cat([sampler.numbered(part, 3) for part in torch.arange(150).split(7)]), whole)
        assert_same(
            torch.cat([sampler.numbered(torch.tensor([k]), 3) for k in (0, 63, 64, 149)]), whole[[0, 63, 64, 149]]
        )
        assert not torch.allclose(sampler.numbered(torch.arange(150), 4), whole)
        assert len(whole.flatten(1).unique(dim=0)) == 150
        assert sampler.numbered(torch.arange(0), 3).shape == whole[:0].shape


def test_components_are_as_frequent_by_number_as_they_are_by_batch():
    prior = GaussianMixture(1, 50, sampling="fixed").eval()
    with torch.no_grad():
        prior.mu.copy_(torch.arange(50.0)[:, None] * 100)
        latents = Sampler(prior, torch.nn.Identity()).numbered(torch.arange(150), 0)
    assert torch.equal((latents.squeeze(1) / 100).round().long(), torch.arange(150) % 50)


def test_few_samples_come_from_all_experts():
    prior = in_turns(10)
    assert prior.eval()(4).labels.tolist() == [0, 2, 5, 7]
    assert prior(14).labels.tolist() == [*range(10), 0, 2, 5, 7], "each expert once, then an even choice"
    assert prior.train()(14).labels.tolist() == [*range(10), 0, 1, 2, 3]


@pytest.mark.parametrize("network", ["toy_moe", "toy_ensemble"])
def test_experts_are_not_cut_off_by_microbatches_nor_without_a_word_by_batches(network, tmp_path, monkeypatch):
    toy = {"network": network, "image_shape": (2, 1, 1), "latent_dim": 2}
    messages = []
    monkeypatch.setattr("zoo.engine.inputs.log.warning", lambda text, *values: messages.append(text % values))
    images = torch.rand(100, 2, 1, 1) * 2 - 1
    for size in (50, 20):
        trainer(tmp_path, steps=2).fit(zoo.GAN(**toy), DataLoader(TensorDataset(images), batch_size=size))
    assert len(messages) == 1
    assert "of 20 images at a time, not all experts learn alike" in messages[0]


# -- what a trainer asks for --


@every_model
def test_validation_and_test_draw_the_same_samples_in_batches_of_any_size(cls, tmp_path):
    model, drawn = build(cls), []
    images = torch.rand(12, *model.image_shape) * 2 - 1
    labels = [torch.arange(12) % 3] if model.is_conditional else []

    def step(batch, batch_idx):
        drawn[-1].append(cls.validation_step(model, batch, batch_idx))

    model.validation_step = model.test_step = step
    for size in (12, 5, 1):
        drawn.append([])
        data = DataLoader(TensorDataset(images, *labels), batch_size=size)
        trainer(tmp_path, limit_val_batches=99).validate(model, data, verbose=False)
        trainer(tmp_path).test(model, data, verbose=False)
    for batches in drawn:
        both = torch.cat(batches)
        assert_same(both[:12], both[12:])
        assert_same(both, torch.cat(drawn[0]))


@every_model
def test_prediction_is_of_the_latents_it_is_given(cls, tmp_path):
    model = build(cls)
    latents, *labels = latents_for(model, 64)
    plain = [] if labels else [DataLoader(latents, batch_size=16)]
    for data in (*plain, DataLoader(TensorDataset(latents, *labels), batch_size=64)):
        images = torch.cat(trainer(tmp_path).predict(model, data))
        assert images.shape == (64, *model.image_shape)
        assert_same(images, model(latents, *labels).detach())


def test_prediction_by_numbers_does_not_depend_on_the_batch_size(tmp_path):
    model = build(zoo.GAN)
    one, other = (
        torch.cat(trainer(tmp_path).predict(model, DataLoader(torch.arange(20), batch_size=size))) for size in (20, 3)
    )
    assert_same(one, other)
    assert_same(one, model.sampler.eval().numbered(torch.arange(20), SEED).detach())


@pytest.mark.parametrize(
    "batch",
    [torch.rand(4, *SHAPE), torch.rand(4, 9), {"z": torch.rand(4, 3)}, torch.rand(4).double(), torch.tensor([1, -1])],
    ids=["images", "longer latents", "dictionary", "numbers that are none", "a number below 0"],
)
def test_anything_else_is_refused(batch, tmp_path):
    with pytest.raises(BatchError, match=r"predict takes latents, float \[N, 3\], or numbers of samples"):
        trainer(tmp_path).predict(build(zoo.GAN), DataLoader([batch], batch_size=None))


# -- batches that are none --

BYTES = torch.randint(0, 256, (8, *SHAPE), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (BYTES, r"of dtype torch.uint8: give images / 127.5 - 1"),
        (BYTES.float(), r"the first batch goes from \S+ to 2\d\d"),
        (torch.rand(8, *SHAPE), r"scale images in \[0, 1\] by 2 \* images - 1"),
        (torch.rand(8, *SHAPE).double() - 0.5, "of dtype torch.float64: give images.to"),
        (torch.rand(8, *SHAPE).sub(0.5).index_fill(0, torch.tensor([3]), torch.nan), "not finite"),
        (torch.rand(8, *SHAPE).sub(0.5).index_fill(0, torch.tensor([3]), torch.inf), "not finite"),
        (torch.rand(8, 1, 5, 5) - 0.5, r"of shape \(1, 4, 4\), the batch has \(1, 5, 5\)"),
    ],
    ids=["uint8", "0 to 255", "0 to 1", "float64", "nan", "inf", "shape"],
)
@pytest.mark.parametrize("stage", ["fit", "fit after a look", "validate", "test"])
def test_images_of_another_kind_are_one_clear_line(images, message, stage, tmp_path):
    model, data = build(zoo.GAN), DataLoader(TensorDataset(images), batch_size=4)
    player = trainer(tmp_path, steps=1, num_sanity_val_steps=int(stage == "fit after a look"), limit_val_batches=1)
    loaders = (data, data) if stage == "fit after a look" else (data,)
    with pytest.raises(BatchError, match=message) as error:
        getattr(player, stage.split()[0])(model, *loaders)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_a_batch_that_is_a_dictionary_is_one_clear_line(stage, tmp_path):
    batch = {"image": torch.rand(4, *SHAPE) - 0.5, "label": torch.zeros(4)}
    data = DataLoader([batch], batch_size=None)
    with pytest.raises(BatchError, match="got a dict with keys image, label: let the loader give tuples"):
        getattr(trainer(tmp_path, steps=1, limit_val_batches=1), stage)(build(zoo.GAN), data)


def test_what_is_a_little_beyond_or_nearly_all_bright_is_honest(tmp_path):
    points = torch.randn(16, *SHAPE) * 0.4
    bright = torch.ones(16, *SHAPE).index_fill(0, torch.tensor([3]), -0.01)
    few = torch.rand(3, *SHAPE)  # 48 numbers, of which none needs to be below 0
    for images in (points, bright, few):
        player = trainer(tmp_path, steps=1)
        player.fit(build(zoo.GAN), DataLoader(TensorDataset(images), batch_size=16))
        assert player.global_step == 1


@pytest.mark.parametrize(("count", "size", "options"), [(4, 1, {}), (4, 2, {"accumulate": 2}), (5, 4, {})])
def test_batch_norm_on_one_image_is_one_clear_line(count, size, options, tmp_path):
    """Also where the last batch alone is one image."""
    model = build(zoo.GAN, generator_options={"hidden": [8, 8], "norm": "batch"}, **options)
    data = DataLoader(TensorDataset(torch.rand(count, *SHAPE) - 0.5), batch_size=size)
    with pytest.raises(BatchError, match="batch norm needs at least 2 images at a time"):
        trainer(tmp_path, steps=9).fit(model, data)


def test_one_loader_at_a_time(tmp_path):
    model = build(zoo.GAN)
    with pytest.raises(BatchError, match="one loader"):
        trainer(tmp_path, limit_val_batches=1).validate(model, [loader(model), loader(model)])


def test_a_loader_is_judged_by_itself_and_not_by_data_of_an_earlier_call(tmp_path):
    """The trainer keeps the data module that it was given first."""
    data = DigitsDataModule(batch_size=4)
    model = build(zoo.GAN, image_shape=data.image_shape)
    player = trainer(tmp_path, steps=1, limit_val_batches=1)
    player.fit(model, data)
    with pytest.raises(BatchError, match=r"scale images in \[0, 1\]"):
        player.validate(model, DataLoader(TensorDataset(torch.rand(8, *data.image_shape)), batch_size=8))


# -- ordinary Python --


@every_model
def test_a_model_is_a_function_of_latents(cls):
    model = build(cls)
    latents, *labels = latents_for(model, 5)
    model.averaged = model.new_average()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.add_(1)
    images = model(latents, *labels)
    averaged = model.averaged.module.generator.eval()
    with torch.no_grad():
        expected = averaged(latents, *labels)
        expected = expected.clamp(-1, 1) if getattr(averaged, "is_unbounded", False) else expected
        assert torch.equal(images, expected), "the average, in inference mode"
    assert model(latents.requires_grad_(), *labels).sum().backward() is None
    assert latents.grad is not None, "to look for the latents of a picture"
    with pytest.raises(TypeError, match=r"got a Tensor; of latents: model\(latents\)"):
        model.sample(latents)
    with pytest.raises(TypeError, match="got -1"):
        model.sample(-1)
    assert len(model.sample(np.int64(3))) == 3
    for wrong in (torch.randn(5, model.prior.dim + 1), images, 5):
        with pytest.raises(BatchError, match=rf"float \[N, {model.prior.dim}\], got"):
            model(wrong, *labels)
    if labels:
        with pytest.raises(BatchError, match="this generator takes labels"):
            model(latents)
