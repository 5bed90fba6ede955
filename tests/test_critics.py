"""Every critic, and every network that takes labels, at its own tiny size."""

from copy import deepcopy

import pytest
import torch

from zoo.networks import NETWORKS, build
from zoo.networks.labels import join_labels

CLASSES = 3
every_pair = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def takes_classes(network):
    """Whether labels are an option; a critic that learns classes always has some, and takes none."""
    return network.__init__.__annotations__.get("num_classes") == (int | None)


def options_of(network, given):
    """The options without classes, and with them where the network has any."""
    return [dict(given)] + ([{**given, "num_classes": CLASSES}] if takes_classes(network) else [])


def generators(name):
    make, _, tiny = NETWORKS[name]
    return [build(make, tiny.latent_dim, tiny.image_shape, options=each) for each in options_of(make, tiny.generator)]


def critics(name):
    _, make, tiny = NETWORKS[name]
    return [build(make, tiny.image_shape, options=each) for each in options_of(make, tiny.critic)]


def batch(name, n=4):
    labels = torch.tensor([2, 0, 1, 2, 0, 1, 1])[:n]
    return torch.rand(n, *NETWORKS[name].tiny.image_shape) * 2 - 1, labels


# -- features --


@every_pair
@pytest.mark.parametrize("training", [True, False])
def test_a_critic_scores_its_features(name, training):
    images, labels = batch(name)
    for critic in critics(name):
        critic.train(training)
        twin = deepcopy(critic)  # spectral norm's state moves with each call
        torch.manual_seed(1)  # of a critic's noise
        features = critic.features(images)
        assert features.shape == (4, critic.num_features)
        torch.manual_seed(1)
        outputs = twin(images, labels)
        assert outputs.shape == (4,)
        if critic.scores_features:
            assert torch.equal(critic.score(features, labels), outputs)
        else:
            with pytest.raises(TypeError, match="needs the image"):
                critic.score(features, labels)


@every_pair
def test_heads_on_features_train_the_critic(name):
    images, _ = batch(name)
    for critic in critics(name):
        critic.features(images).square().sum().backward()
        assert any(p.grad is not None and p.grad.any() for p in critic.parameters())


# -- labels --


@every_pair
def test_labels_are_told_by_num_labels(name):
    make_generator, make_critic, tiny = NETWORKS[name]
    for make, networks in ((make_generator, generators(name)), (make_critic, critics(name))):
        counts = [getattr(network, "num_labels", None) for network in networks]
        own = tiny.generator.get("experts", tiny.generator.get("members")) if make is make_generator else None
        assert counts == ([None, CLASSES] if takes_classes(make) else [own])


@every_pair
def test_each_image_is_a_function_of_its_latents_and_its_label(name):
    tiny = NETWORKS[name].tiny
    latents, (_, labels) = torch.randn(7, tiny.latent_dim), batch(name, 7)
    for generator in generators(name):
        generator.eval()
        if getattr(generator, "num_labels", None) is None:
            continue
        if torch.allclose(generator(latents, labels), generator(latents, (labels + 1) % CLASSES)):
            for parameter in generator.parameters():  # conditional batch norm starts alike for all classes
                torch.nn.init.normal_(parameter, std=0.3)
        images = generator(latents, labels)
        assert images.shape == (7, *tiny.image_shape)
        order = torch.randperm(7)
        torch.testing.assert_close(generator(latents[order], labels[order]), images[order])
        for n in range(7):
            torch.testing.assert_close(generator(latents[n : n + 1], labels[n : n + 1]), images[n : n + 1])
        assert not torch.allclose(generator(latents, (labels + 1) % CLASSES), images)
        assert generator(latents[:0], labels[:0]).shape == (0, *tiny.image_shape)


@every_pair
def test_a_conditional_critic_judges_by_the_label_and_asks_for_it(name):
    images, labels = batch(name)
    for critic in critics(name):
        critic.eval()
        changed = not torch.equal(critic(images, labels), critic(images, (labels + 1) % CLASSES))
        assert changed == (critic.num_labels is not None)
        if changed:
            with pytest.raises(ValueError, match=f"num_labels={CLASSES} needs labels"):
                critic(images)
        else:
            assert torch.equal(critic(images), critic(images, labels))


def test_labels_join_the_latents_one_hot_behind_them():
    latents, labels = torch.randn(2, 3), torch.tensor([1, 0])
    joined = join_labels(latents, labels, 2)
    assert torch.equal(joined, torch.cat([latents, torch.tensor([[0.0, 1.0], [1.0, 0.0]])], 1))
    assert join_labels(latents, labels, None) is latents
    with pytest.raises(ValueError, match="num_labels=2 needs labels"):
        join_labels(latents, None, 2)
