"""Calls of the players: augmentation, labels, joint passes."""

import pytest
import torch
from torch import nn

import zoo
from helpers.models import MARKS, build
from helpers.runs import digits, fit
from zoo.augmentations import AUGMENTATIONS
from zoo.engine.batch import Batch
from zoo.engine.regulariser import CRITIC, GENERATOR
from zoo.losses import gradient_penalty

pytestmark = MARKS


def images(n=4, shape=(1, 4, 4)):
    return torch.rand(n, *shape) * 2 - 1


class Twice(nn.Module):
    """An augmentation that can be seen: images times 2."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, images):
        """Double."""
        return 2 * images

    def observe(self, outputs):
        """Note."""
        self.seen.append(len(outputs))

    def adapt(self, sum_over_ranks=None):
        """Nothing."""
        return {}


def test_both_kinds_of_images_and_the_penalty_go_through_the_augmentation_in_training_only():
    model = build(zoo.GAN)
    real, fake = Batch(images()), Batch(images())
    plain = model.critic_outputs(real, fake)
    model.augment = Twice()
    for outputs, batch in zip(model.critic_outputs(real, fake), (real, fake), strict=True):
        torch.testing.assert_close(outputs, model.critic(2 * batch.images))
    (alone,) = model.critic_outputs(fake)
    torch.testing.assert_close(alone, model.critic(2 * fake.images))
    (features,) = model.critic_features(fake)
    torch.testing.assert_close(features, model.critic.features(2 * fake.images))
    through = gradient_penalty(model.critic_given(real), real.images, fake.images, epsilon=torch.ones(4, 1, 1, 1))
    x = real.images.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.critic(2 * x).sum(), x)
    torch.testing.assert_close(through, (slope.flatten(1).norm(dim=1) - 1).square().mean())
    model.eval()
    for outputs, before in zip(model.critic_outputs(real, fake), plain, strict=True):
        torch.testing.assert_close(outputs, before)


def test_an_augmentation_is_told_of_real_images_in_the_critic_s_updates_alone():
    model = build(zoo.GAN)
    model.augment = Twice()
    real, fake = Batch(images(3)), Batch(images(5))
    model.observations.player = GENERATOR
    model.critic_outputs(real, fake)
    model.observations.player = CRITIC
    model.critic_outputs(fake)
    assert model.augment.seen == []
    model.critic_outputs(real, fake)
    model.critic_features(real, fake)
    assert model.augment.seen == [3, 3]
    model.eval().critic_outputs(real, fake)
    assert model.augment.seen == [3, 3]


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("cls", [zoo.GAN, zoo.WGANGP, zoo.ACGAN, zoo.R3GAN], ids=lambda cls: cls.__name__)
def test_any_model_trains_through_any_augmentation(cls, name, tmp_path):
    options = {"network": "mlp", "generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}}
    options |= {"image_shape": (1, 8, 8), "num_classes": 10, "latent_dim": 3}
    model = cls(**options, augmentation={"name": name})
    start = [weight.clone() for weight in model.parameters()]
    trainer = fit(tmp_path, model, steps=4, data=digits(batch_size=4))
    assert trainer.global_step == 4
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert any(not torch.equal(*pair) for pair in zip(start, model.parameters(), strict=True))
    assert any(key.startswith("augment.") for key in model.state_dict()) == (name == "ada")
    assert ({"augment_p", "augment_r"} <= model.observed.keys()) == (name == "ada")
    if name == "ada":
        assert int(model.augment.steps) == 4
        assert float(model.augment.observed[1] + model.augment.recent[1]) == 0, "all counted by the fourth step"


def test_p_rises_with_the_mean_sign_summed_over_processes():
    ada = AUGMENTATIONS["ada"](every=1, images=100, target=0.6)
    ada.observe(torch.tensor([1.0, 2.0, -3.0, 4.0]))
    logged = ada.adapt(lambda value: 3 * value)  # three processes alike
    assert float(ada.p) == 0.0, "a mean sign of 0.5 is below the target"
    assert float(logged["augment_r"]) == 0.5
    ada.observe(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    logged = ada.adapt(lambda value: 3 * value)
    assert float(logged["augment_p"]) == pytest.approx(12 / 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augmentation": {"name": "mirror"}}, "augmentation must be a dictionary with a name of ada, diffaugment"),
        ({"augmentation": {"name": "ada", "speed": 2}}, "ADA has no option 'speed'"),
        ({"average": {"decay": 0.9}}, "average must be a dictionary with a name of steps, images"),
        ({"average": {"name": "images"}}, "half_life"),
        ({"sampling": {"psi": 0.5}}, "sampling has no option 'psi'; it takes: labels, standing_statistics, truncation"),
    ],
)
def test_an_option_that_cannot_be_is_one_clear_line(options, message):
    with pytest.raises(ValueError, match=message) as error:
        build(zoo.GAN, **options)
    assert "\n" not in str(error.value)


def test_labels_go_with_their_images_through_a_joint_pass():
    model = build(zoo.ProjectionGAN)
    real = Batch(images(3, model.image_shape), torch.tensor([0, 1, 2]))
    fake = Batch(images(2, model.image_shape), torch.tensor([2, 0]))
    model.eval()  # spectral norm's vectors stay
    joint = model.critic_outputs(real, fake)
    for outputs, batch in zip(joint, (real, fake), strict=True):
        torch.testing.assert_close(outputs, model.critic(batch.images, batch.labels))
    turned = model.critic_outputs(Batch(real.images, real.labels.flip(0)), fake)
    assert not torch.allclose(turned[0], joint[0])
    torch.testing.assert_close(turned[1], joint[1])
    torch.testing.assert_close(model.critic_given(real)(real.images), joint[0])


def test_batches_and_latents_are_cut_with_their_labels():
    batch = Batch(torch.arange(6.0).view(6, 1, 1, 1), torch.arange(6))
    parts = batch.cut(3)
    assert [part.labels.tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert [part.images.flatten().tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert Batch(batch.images).cut(2)[1].labels is None
    with pytest.raises(ValueError, match="give it \\(images, labels\\)"):
        _ = Batch(batch.images).classes
