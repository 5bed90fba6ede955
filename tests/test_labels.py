"""Labels, from the data module to the picture: who owns them, who is told, who draws them."""

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

import zoo
from callbacks import LabelGrid
from helpers.models import MARKS, MODELS, build, loader
from helpers.runs import digits, fit, trainer
from zoo.engine.errors import BatchError
from zoo.hub.pictures import to_bytes
from zoo.priors import Codes, GaussianMixture

pytestmark = MARKS
CONDITIONAL = [cls for cls in MODELS if cls.is_conditional]
conditional = pytest.mark.parametrize("cls", CONDITIONAL, ids=lambda cls: cls.__name__)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def told_apart(cls):
    """A model in evaluation mode, moved from its start, at which class-conditional norms are alike for all classes."""
    model = build(cls).eval()
    with torch.no_grad():
        for weight in model.generator.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=seeded()))
    return model


def test_two_models_at_least_are_conditional():
    assert {zoo.ACGAN, zoo.ProjectionGAN} <= set(CONDITIONAL)


@conditional
def test_a_conditional_model_needs_data_with_classes(cls):
    with pytest.raises(ValueError, match="takes the class of each image, and the data has none"):
        build(cls, num_classes=None)
    with pytest.raises(ValueError, match="has 50 labels of its own"):
        build(cls, prior="gaussian_mixture")


@conditional
def test_a_batch_without_labels_is_one_clear_line(cls, tmp_path):
    model = build(cls, critic_steps=1)
    images = torch.rand(8, *model.image_shape) - 0.5
    with pytest.raises(BatchError, match=r"a batch must be \(images, labels\), labels int64 \[N\] in 0 .. 2; got none"):
        fit(tmp_path, model, data=DataLoader(TensorDataset(images), batch_size=5))


@conditional
def test_samples_are_of_the_labels_that_they_are_asked_for(cls):
    model = told_apart(cls)
    labels = torch.tensor([2, 0, 1, 2])
    images = model.sample(4, seeded(), labels=labels)
    z = model.prior(4, seeded()).z
    if not getattr(model.generator, "draws_noise", False):
        torch.testing.assert_close(images, model(z, labels))
    assert not torch.equal(images, model.sample(4, seeded(), labels=[0, 0, 0, 0]))
    assert torch.equal(model.sample(4, seeded(), labels=1), model.sample(4, seeded(), labels=[1] * 4))
    drawn = model.prior(3000, seeded()).labels
    assert torch.bincount(drawn, minlength=3).min() > 850, "each as often, when nobody asks"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"labels are 3 whole numbers, or one for all; got torch.int64 \(2,\)"),
        ([0.0, 1.0, 2.0], "got torch.float32"),
        ([0, 1, 3], r"labels are in 0 .. 2, got 0 .. 3"),
        (-1, r"labels are in 0 .. 2, got -1 .. -1"),
    ],
)
def test_labels_that_cannot_be_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.ACGAN).sample(3, labels=labels)
    with pytest.raises(ValueError, match="this model has no labels"):
        build(zoo.GAN).sample(3, labels=labels)


@conditional
def test_the_image_of_a_number_and_a_label_depends_on_nothing_else(cls):
    model = told_apart(cls)
    numbers, labels = torch.tensor([70, 3, 3, 3, 64]), torch.tensor([1, 0, 1, 2, 0])
    together = model.numbered(numbers, labels)
    for number, label, image in zip(numbers, labels, together, strict=True):
        alone = model.numbered(number[None], label[None])[0]
        torch.testing.assert_close(alone, image, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[1], together[2])


def test_a_mixture_s_labels_are_its_components():
    prior = GaussianMixture(2, 3).eval()
    latents = prior(5, seeded(), torch.tensor([2, 2, 0, 1, 2]))
    noise = prior.normal(5, seeded())
    torch.testing.assert_close(latents.z, prior.reparameterize(torch.tensor([2, 2, 0, 1, 2]), noise))
    assert build(zoo.DeLiGAN).sample(2, labels=[49, 0]).shape == (2, 1, 4, 4)


def test_codes_lie_in_the_latents():
    prior = Codes(9, categories=4, continuous=2)
    z, labels = prior(6, seeded())
    assert torch.equal(z[:, 3:7].argmax(1), labels)
    assert torch.equal(z[:, 3:7].sum(1), torch.ones(6))
    assert torch.equal(prior.codes(z), z[:, 7:])
    other = prior(6, seeded(), (labels + 1) % 4).z
    assert torch.equal(other[:, :3], z[:, :3])
    assert torch.equal(other[:, 7:], z[:, 7:])
    with pytest.raises(ValueError, match="leave no noise of 6 latents"):
        Codes(6, 4, 2)


@conditional
def test_fakes_of_an_evaluation_have_the_labels_of_its_images(cls, tmp_path):
    model = build(cls)
    data = loader(model, steps=2)
    (labels,) = (torch.cat([batch[1] for batch in data]),)
    made = []
    model.numbered = lambda numbers, labels=None: made.append(labels) or type(model).numbered(model, numbers, labels)
    trainer(tmp_path, limit_val_batches=2).validate(model, data, verbose=False)
    assert torch.equal(torch.cat(made), labels)


def test_predict_takes_labels_with_numbers_and_from_the_model_s_options(tmp_path):
    model = build(zoo.ACGAN)
    numbers, labels = torch.arange(5), torch.tensor([2, 0, 2, 0, 2])
    given = torch.cat(trainer(tmp_path).predict(model, DataLoader(TensorDataset(numbers, labels), batch_size=2)))
    model.sampling = {"labels": [2, 0]}
    in_turn = torch.cat(trainer(tmp_path).predict(model, DataLoader(numbers, batch_size=3)))
    torch.testing.assert_close(given, in_turn, rtol=1e-5, atol=1e-6)
    model.sampling = {"labels": 1}
    (ones,) = trainer(tmp_path).predict(model, DataLoader(numbers, batch_size=5))
    torch.testing.assert_close(ones, model.eval().numbered(numbers, torch.ones(5, dtype=torch.int64)))
    for wrong, text in ([7], r"labels are in 0 .. 2"), ([], "one or more whole numbers"), (9, r"labels are in 0 .. 2"):
        with pytest.raises(ValueError, match=text):
            build(zoo.ACGAN, sampling={"labels": wrong})


@conditional
def test_labels_beyond_the_model_s_classes_are_one_clear_line(cls, tmp_path):
    model = build(cls, critic_steps=1)
    images = torch.rand(10, *model.image_shape) - 0.5
    data = DataLoader(TensorDataset(images, torch.arange(10) % 5), batch_size=10)
    message = r"labels must be in 0 .. 2 for a model with num_classes=3, the first batch has 0 .. 4"
    with pytest.raises(BatchError, match=message):
        fit(tmp_path, model, data=data)
    with pytest.raises(BatchError, match=message):
        trainer(tmp_path, limit_val_batches=1).validate(model, data, verbose=False)


@pytest.mark.parametrize("cls", [zoo.ACGAN, zoo.DeLiGAN], ids=lambda cls: cls.__name__)
def test_the_label_grid_has_a_row_for_each_label_and_a_column_for_each_noise(cls, tmp_path):
    options = {"prior_options": {"components": 3}} if cls is zoo.DeLiGAN else {"num_classes": 10}
    small = {"network": "mlp", "generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}}
    model = build(cls, **small, **options, image_shape=(1, 8, 8), latent_dim=3)
    fit(tmp_path, model, LabelGrid(every_n_steps=2, num_images=2), steps=2, data=digits(batch_size=4))
    rows = model.prior.num_labels
    with Image.open(tmp_path / "samples" / "labels_step_0000002.png") as picture:
        assert picture.size == (2 + 2 * 34, 2 + rows * 34)
        pixel = picture.convert("L").getpixel((2, 2 + 34))  # the first pixel of the second row's first image
    labels = torch.arange(rows).repeat_interleave(2)
    images = model.sample(len(labels), seeded(), labels=labels)
    assert pixel == to_bytes(images)[2, 0, 0, 0]


def test_experts_are_labels_that_come_in_turn(tmp_path):
    options = {"network": "toy_moe", "image_shape": (2, 1, 1), "latent_dim": 2, "generator_options": {"experts": 4}}
    model = zoo.GAN(**options, accumulate=2)
    assert (model.prior.num_labels, model.prior.in_turns) == (4, True)
    seen = []
    model.generator.register_forward_pre_hook(lambda module, args: seen.append(args[1].tolist()))
    images = torch.rand(16, 2, 1, 1) - 0.5
    fit(tmp_path, model, steps=2, data=DataLoader(TensorDataset(images), batch_size=8))
    assert all(labels == [0, 1, 2, 3] for labels in seen), "of both halves of a batch"
    torch.testing.assert_close(
        model.sample(8, seeded(), labels=2), model(model.prior.normal(8, seeded()), torch.full((8,), 2))
    )
