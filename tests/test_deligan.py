"""DeLiGAN's systems for CIFAR-10 and sketches: counts, losses on logits by hand, and how training begins."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import zoo
from datamodules import ImageDataModule, Images
from helpers.checkpoints import equal
from helpers.models import MARKS, STILL, build, loader, watched
from helpers.runs import fit, trainer
from zoo.engine.batch import Batch
from zoo.engine.first_batch import begin_with, unseen
from zoo.engine.randomness import derive_seed
from zoo.networks import NETWORKS, count_parameters
from zoo.networks import build as build_network
from zoo.networks.critic import Critic
from zoo.priors import GaussianMixture

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:.*does not have many workers")]

STANDING = {"generator_optimizer": STILL, "critic_optimizer": STILL}
SEED = 11  # that of `fixed_seed`


# -- networks --


@pytest.mark.parametrize(
    ("name", "shape", "generator", "critic"),
    [
        (
            *("deligan_cifar", (3, 32, 32)),
            [819_200, 8_192, 3_276_800, 256, 819_200, 128, 9_606],
            [2_688, 83_040, 83_040, 166_080, 331_968, 331_968, 331_968, 37_056, 37_056, 96_600, 2_940],
        ),
        (
            *("deligan_sketches", (1, 32, 32)),
            [256_000, 2_560, 320_000, 80, 80_000, 40, 1_002],
            [520, 10_020, 20_040, 28_880, 6_480, 20_300, 132],
        ),
    ],
)
def test_layers_have_the_parameters_of_the_source(name, shape, generator, critic):
    pair = NETWORKS[name]
    players = build_network(pair.generator, 100, shape, options={}), build_network(pair.critic, shape, options={})
    for network, counts in zip(players, (generator, critic), strict=True):
        own = [sum(p.numel() for p in part.parameters(recurse=False)) for part in network.modules()]
        assert [count for count in own if count] == counts
    totals = {"deligan_cifar": (4_933_382, 1_504_404), "deligan_sketches": (659_682, 86_372)}
    assert tuple(map(count_parameters, players)) == totals[name]
    assert sum(p.numel() for p in GaussianMixture(100, 100).parameters()) == 20_000


@pytest.mark.parametrize("name", ["deligan_cifar", "deligan_sketches"])
def test_every_weight_starts_from_a_normal_of_0_05(name):
    pair = NETWORKS[name]
    for network in (build_network(pair.generator, 100, (3, 32, 32), options={}), pair.critic((3, 32, 32))):
        for part in network.modules():
            if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                assert part.weight.std().item() == pytest.approx(0.05, rel=6 / part.weight.numel() ** 0.5)


@pytest.mark.parametrize(
    ("name", "shape", "sides"),
    [
        ("deligan_cifar", (3, 32, 32), [32, 32, 16, 16, 16, 8, 6, 6, 6]),
        ("deligan_sketches", (1, 32, 32), [30, 14, 6, 2, 2]),
    ],
)
def test_the_critic_s_convolutions_have_the_sides_of_the_source_and_noise_in_training_alone(name, shape, sides):
    critic, seen = NETWORKS[name].critic(shape), []
    for part in critic.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda _, inputs, outputs: seen.append(outputs.shape[2]))
    images = torch.zeros(2, *shape)
    critic(images)
    assert seen == sides
    noise = critic.body[0]
    assert noise(torch.zeros(10_000)).std().item() == pytest.approx(0.2, rel=0.05)
    assert torch.equal(critic.eval()(images), critic(images))
    assert torch.equal(noise(images), images)


def test_the_output_is_the_log_of_the_sum_of_the_classes():
    critic = NETWORKS["deligan_cifar"].critic((3, 16, 16), width=2, kernels=2, num_classes=4).eval()
    features = critic.features(torch.randn(3, 3, 16, 16))
    assert features.shape == (3, critic.num_features)
    logits = critic.classify(features)
    torch.testing.assert_close(critic.score(features), logits.exp().sum(1).log())


# -- losses --


class Logits(Critic):
    """The first three pixels are the class logits."""

    def features(self, images):
        """Map [N, C, H, W] to [N, C H W]."""
        return images.flatten(1)

    def classify(self, features):
        """Return the first three."""
        return features[:, :3]

    def score(self, features, labels=None):
        """Return log sum exp of them."""
        return self.classify(features).logsumexp(1)


def losses_by_hand(real, labels, fake):
    """dg_cifar.py: loss_lab + loss_unl, and loss_gen."""

    def log_sum_exp(rows):
        return [math.log(sum(map(math.exp, row))) for row in rows]

    def mean(values):
        return sum(values) / len(values)

    def softplus(values):
        return [math.log1p(math.exp(value)) for value in values]

    l_unl, l_gen = log_sum_exp(real), log_sum_exp(fake)
    loss_lab = -mean([row[label] for row, label in zip(real, labels, strict=True)]) + mean(l_unl)
    loss_unl = -0.5 * mean(l_unl) + 0.5 * mean(softplus(l_unl)) + 0.5 * mean(softplus(l_gen))
    return loss_lab, loss_unl, -mean(softplus(l_gen))


REAL, LABELS, FAKE = [[0.5, -1.0, 0.2], [2.0, 0.1, -0.3]], [2, 0], [[-0.4, 0.3, 1.1], [0.9, -2.0, 0.6]]


def batches():
    real, fake = (torch.tensor(rows).double().view(2, 1, 1, 3).requires_grad_() for rows in (REAL, FAKE))
    return Batch(real, torch.tensor(LABELS)), Batch(fake)


def test_the_critic_s_loss_is_that_of_the_source():
    loss_lab, loss_unl, _ = losses_by_hand(REAL, LABELS, FAKE)
    for weight in (1.0, 0.0, 2.5):
        model = build(zoo.SemiSupervisedDeLiGAN, class_weight=weight)
        model.critic = Logits()
        real, fake = batches()
        loss = model.critic_loss(real, fake)
        assert loss.item() == pytest.approx(weight * loss_lab + loss_unl, abs=1e-7)
        assert model.observed["class_accuracy"].item() == 0.5
        by_real, by_fake = torch.autograd.grad(loss, (real.images, fake.images))
        assert (by_fake > 0).all()  # descent lowers every class of a fake
        assert (by_real.flatten(1)[[0, 1], LABELS] < 0).all()  # and raises an image's own


@pytest.mark.parametrize("objective", ["non_saturating", "saturating"])
def test_the_generator_s_loss_is_that_of_the_paper_or_the_source_s(objective):
    model = build(zoo.SemiSupervisedDeLiGAN, generator_objective=objective)
    model.critic = Logits()
    real, fake = batches()
    loss = model.generator_loss(real, fake)
    *_, saturating = losses_by_hand(REAL, LABELS, FAKE)
    others = [math.log1p(math.exp(-math.log(sum(map(math.exp, row))))) for row in FAKE]
    assert loss.item() == pytest.approx(saturating if objective == "saturating" else sum(others) / 2, abs=1e-7)
    (slopes,) = torch.autograd.grad(loss, fake.images)
    assert (slopes < 0).all()  # descent raises the classes of a fake


def test_classes_are_the_critic_s_and_components_the_generator_s(tmp_path):
    model = build(zoo.SemiSupervisedDeLiGAN, prior_options={"components": 7})
    assert (model.num_classes, model.prior.num_labels, model.critic.output.out_features) == (3, 7, 3)
    assert not model.is_conditional
    seen = []
    loss = model.critic_loss
    model.critic_loss = lambda real, fake: seen.append((real.labels, fake.labels)) or loss(real, fake)
    fit(tmp_path, model, steps=4)
    assert torch.cat([real for real, _ in seen]).unique().tolist() == [0, 1, 2]
    assert torch.cat([fake for _, fake in seen]).max() < 7
    assert model.sample(2, labels=6).shape == (2, *model.image_shape)
    with pytest.raises(ValueError, match="7"):
        model.sample(2, labels=7)
    with pytest.raises(ValueError, match=r"a SemiSupervisedDeLiGAN takes labels: a batch must be .* in 0 \.\. 2"):
        fit(tmp_path, model, data=DataLoader(-torch.rand(4, *model.image_shape), batch_size=2))


def test_a_model_that_cannot_learn_classes_is_refused():
    with pytest.raises(ValueError, match="takes the class of each image, and the data has none"):
        build(zoo.SemiSupervisedDeLiGAN, num_classes=None)
    with pytest.raises(ValueError, match=r"needs a critic that classifies: network mlp has none"):
        zoo.SemiSupervisedDeLiGAN(network="mlp", num_classes=3)
    with pytest.raises(ValueError, match="needs a critic that classifies: network sngan_resnet has none"):
        zoo.SemiSupervisedDeLiGAN(network="sngan_resnet", image_shape=(3, 8, 8), num_classes=3)
    with pytest.raises(ValueError, match="class_weight must be finite and at least 0, got -1"):
        build(zoo.SemiSupervisedDeLiGAN, class_weight=-1)
    with pytest.raises(ValueError, match="generator_objective must be one of non_saturating, saturating; got 'hinge'"):
        build(zoo.SemiSupervisedDeLiGAN, generator_objective="hinge")


def test_the_generator_moves_three_times_on_fresh_latents_each_step_that_counts_once(tmp_path):
    model = build(watched(zoo.SemiSupervisedDeLiGAN), schedule={"name": "alternate", "generator_steps": 3})
    player = fit(tmp_path, model, steps=3)
    assert player.global_step == 3
    assert [move["who"] for move in model.moves] == ["critic", "generator", "generator", "generator"] * 3
    assert [move["counted"] for move in model.moves] == [0, 0, 0, 1] * 3
    latents = [move["latents"] for move in model.moves]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(latents, 2))


# -- sigma --


def test_sigma_may_start_from_a_uniform_law_negative_numbers_too():
    sigma = GaussianMixture(100, 100, sigma_init=[-0.2, 0.2]).sigma
    assert sigma.abs().max() <= 0.2
    assert (sigma.min().item(), sigma.max().item()) == pytest.approx((-0.2, 0.2), abs=0.001)
    assert sigma.std().item() == pytest.approx(0.2 / 3**0.5, rel=0.05)
    assert (GaussianMixture(3, 4, sigma_init=0.3).sigma == 0.3).all()
    for wrong in ([0.2, -0.2], [0.1], math.inf):
        with pytest.raises(ValueError, match="sigma_init must be a finite number, or two, the lower one first"):
            GaussianMixture(3, 4, sigma_init=wrong)


# -- the first batch --


@pytest.mark.parametrize("network", ["deligan_cifar", "deligan_sketches"])
def test_training_begins_with_what_its_first_batch_sets(tmp_path, network):
    """Draws come from (seed, rank) alone, and every layer sees what the one before it makes of the batch."""
    model = build(zoo.DeLiGAN, network=network, image_shape=(1, 24, 24), latent_dim=4, **STANDING)
    prior, generator, critic = copy.deepcopy((model.prior, model.generator, model.critic))
    data = loader(model, steps=2, n=6)
    fit(tmp_path, model, steps=2, data=data)
    assert not unseen(model)

    (images,) = next(iter(data))
    torch.manual_seed(derive_seed("first batch", SEED, 0))
    latents = prior(6).z
    begin_with(generator, lambda: generator(latents), lambda value: value)
    begin_with(critic, lambda: critic(images), lambda value: value)
    for found, expected in ((model.generator, generator), (model.critic, critic)):
        for name, value in expected.state_dict().items():
            if "running" not in name and "num_batches" not in name:
                torch.testing.assert_close(found.state_dict()[name], value, rtol=0, atol=0, msg=name)
    g = [part.g for part in model.critic.modules() if hasattr(part, "g")]
    assert all(not torch.equal(each, torch.ones_like(each)) for each in g)


def test_weights_that_have_seen_a_batch_keep_what_it_set(tmp_path):
    model = build(zoo.SemiSupervisedDeLiGAN, **STANDING)
    assert unseen(model.critic)
    assert len(unseen(model.generator)) == 1
    fit(tmp_path, model, steps=1)
    state = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    other = build(zoo.SemiSupervisedDeLiGAN, **STANDING)
    other.load_state_dict(model.state_dict())
    for each in (model, other):  # another run of the same model, and one that begins with its weights
        fit(tmp_path, each, steps=1)
        kept = {name: value for name, value in each.state_dict().items() if name in state}
        assert all(torch.equal(value, state[name]) for name, value in kept.items() if "num_batches" not in name)


def test_an_average_begins_with_what_the_first_batch_set(tmp_path):
    average = {"name": "steps", "decay": 0.9, "warmup": 0}
    model = build(zoo.SemiSupervisedDeLiGAN, average=average, **STANDING)
    fit(tmp_path, model, steps=2)
    assert not unseen(model.averaged)
    ours, theirs = model.averaged.module.generator, model.generator
    for name, weight in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name), weight, msg=name)


class Noise(ImageDataModule):
    """Twenty noise images, grey, in three classes."""

    num_classes = 3
    image_shape = (1, 24, 24)

    def load(self):
        """Draw them."""
        images = torch.randint(256, (20, *self.image_shape), generator=torch.Generator().manual_seed(0))
        data = Images(images.to(torch.uint8), torch.arange(20) % 3)
        return {"train": data, "val": data, "test": data}


CASES = {
    "classes": (zoo.SemiSupervisedDeLiGAN, {"image_shape": (1, 24, 24)}),
    "sketches": (
        zoo.DeLiGAN,
        {"image_shape": (1, 24, 24), "network": "deligan_sketches", "latent_dim": 4, "schedule": "deligan_sketches"},
    ),
}
FAST = {"name": "adam", "lr": 0.01, "betas": [0.5, 0.999]}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path, case):
    cls, options = CASES[case]
    options = options | {"lr_decay": [2, 9], "generator_optimizer": FAST, "critic_optimizer": FAST}
    ends = []
    for name, stop, resume in (("whole", 7, None), ("half", 3, None), ("rest", 7, "half")):
        torch.manual_seed(0 if resume is None else 1)
        model = build(cls, **options)
        player = trainer(tmp_path, steps=stop)
        start = None if resume is None else tmp_path / f"{resume}.ckpt"
        player.fit(model, Noise(batch_size=6, flip=True), ckpt_path=start)
        player.save_checkpoint(tmp_path / f"{name}.ckpt")
        ends.append((model.state_dict(), [each.state_dict() for each in player.optimizers], dict(model.observed)))
    whole, half, rest = ends
    assert equal(whole, rest)
    assert not equal(whole[0], half[0])
