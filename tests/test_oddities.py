"""Oddities of the sources, which their papers do not have: off by default, on by one option each."""

import copy

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

import zoo
from callbacks import ImageGrid
from datamodules import DigitsDataModule
from helpers.runs import fit, trainer
from zoo.engine.randomness import derive_seed
from zoo.priors import GaussianMixture

SHAPE = (1, 4, 4)
MLP = {
    "image_shape": SHAPE,
    "generator_options": {"hidden": [8]},
    "critic_options": {"hidden": [8]},
    "latent_dim": 3,
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
)


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "11")
    torch.manual_seed(0)


def train(folder, model, images, batch, steps, *callbacks, **options):
    data = DataLoader(TensorDataset(images), batch_size=batch)
    return fit(folder, model, *callbacks, steps=steps, data=data, **options)


@pytest.mark.parametrize("cls", [zoo.WGANGP, zoo.WGAN, zoo.GAN, zoo.DeLiGAN], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("reuse", [True, False])
def test_the_generator_may_move_on_the_critic_s_last_latents(tmp_path, cls, reuse):
    model = cls(**MLP, critic_steps=3, reuse_critic_noise=reuse)
    drawn = []
    model.prior.register_forward_hook(lambda prior, args, latents: drawn.append(latents.z.detach()))
    train(tmp_path, model, torch.rand(18, *SHAPE) * 2 - 1, 6, 1)
    critic, generator = drawn[2], drawn[3]
    assert torch.equal(critic, generator) is reuse
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_fakes_for_the_critic_may_be_made_in_inference_mode(tmp_path):
    for mode, passes in (("eval", 1), ("train", 3)):  # the generator's own move is always in training mode
        model = zoo.GAN(**MLP, critic_steps=2, fake_mode=mode)
        train(tmp_path, model, torch.rand(16, *SHAPE) * 2 - 1, 4, 4)
        counts = {int(part.num_batches_tracked) for part in model.generator.modules() if hasattr(part, "running_mean")}
        assert counts == {4 * passes}


def test_a_separate_update_is_one_step_on_real_then_one_on_fake_images(tmp_path):
    model = zoo.GAN(**MLP, critic_update="separate", fake_mode="eval").double()
    critic, generator, prior = copy.deepcopy((model.critic, model.generator, model.prior))
    images = torch.rand(16, *SHAPE, dtype=torch.float64) * 2 - 1
    assert train(tmp_path, model, images, 4, 1, precision="64-true").global_step == 1
    torch.manual_seed(derive_seed("step", 11, 0, 0))
    fake = generator.eval()(prior(4).z).detach()
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999), eps=1e-7)
    for batch, label in ((images[:4], torch.ones), (fake, torch.zeros)):
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(critic(batch), label(4).double()).backward()
        optimizer.step()
    for ours, theirs in zip(model.critic.parameters(), critic.parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_a_separate_update_counts_once_where_the_schedule_chooses(tmp_path):
    model = zoo.GAN(**MLP, critic_update="separate", schedule="deligan_toy")
    model.schedule.threshold, model.schedule.floor = 99.0, 99.0  # always the critic
    assert train(tmp_path, model, torch.rand(12, *SHAPE) * 2 - 1, 4, 3).global_step == 3


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (zoo.WGANGP, {"critic_update": "separate"}, "WGANGP has its own"),
        (zoo.GAN, {"critic_update": "twice"}, "critic_update must be one of joint, separate; got 'twice'"),
        (zoo.GAN, {"fake_mode": "test"}, "fake_mode must be one of train, eval; got 'test'"),
        (zoo.GAN, {"reuse_critic_noise": True, "schedule": "deligan_toy"}, "deligan_toy draws its own latents"),
    ],
)
def test_an_option_where_it_cannot_be_is_named(cls, options, message):
    with pytest.raises(ValueError, match=message):
        cls(**MLP, **options)


@pytest.mark.parametrize("buffers", [True, False])
def test_clipping_may_reach_the_running_statistics(buffers):
    model = zoo.WGAN(**MLP, clip=0.01, clip_buffers=buffers)
    model.critic = nn.BatchNorm1d(16)
    model.critic.num_batches_tracked += 7
    model.constrain_critic()
    assert model.critic.weight.max() <= 0.0101
    assert model.critic.running_var.max().item() == pytest.approx(0.01 if buffers else 1.0)
    assert model.critic.num_batches_tracked == 7


def test_uniform_noise_is_for_training_and_normal_noise_for_looking():
    prior = GaussianMixture(1, components=1, sigma_init=1.0, noise="uniform")
    prior.mu.data.zero_()
    assert prior(5000).z.abs().max() < 1
    assert prior.eval()(5000).z.abs().max() > 2


def order_of(sampling, epochs=2):
    data = DigitsDataModule(batch_size=1, sampling=sampling)
    data.setup()
    data.trainer = trainer(None)
    data.trainer.strategy.connect(zoo.GAN(**MLP))
    sampler = data.train_dataloader().sampler
    return [sampler.order(epoch) for epoch in range(epochs)], len(data.splits["train"].images)


def test_images_may_be_drawn_with_replacement():
    (first, second), size = order_of("replacement")
    shares = [len(order.unique()) / size for order in (first, second)]
    assert all(0.6 < share < 0.67 for share in shares)  # 1 - 1/e
    assert len(first) == size
    assert not torch.equal(first, second)


def test_only_the_first_epoch_may_be_in_order():
    (first, second), size = order_of("epoch_in_order_first")
    assert torch.equal(first, torch.arange(size))
    assert not torch.equal(second, first)
    assert torch.equal(second.sort().values, first)
    assert torch.equal(second, order_of("epoch")[0][1])


def test_unknown_sampling_names_the_known():
    with pytest.raises(ValueError, match="sampling must be one of epoch, replacement, epoch_in_order_first; got 'x'"):
        DigitsDataModule(sampling="x")


@pytest.mark.parametrize(("rescale", "range_"), [("fixed", (109, 147)), ("minmax", (0, 255))])
def test_a_grid_may_be_stretched_from_its_darkest_to_its_brightest_pixel(tmp_path, rescale, range_):
    model = zoo.GAN(**MLP)

    class Ramp(nn.Module):
        def forward(self, latents):
            return torch.linspace(-0.15, 0.15, 16).view(1, 1, 4, 4).expand(len(latents), 1, 4, 4)

    model.generator = Ramp()
    ImageGrid(num_images=4, rescale=rescale).draw(trainer(tmp_path), model, "grid", 1)
    with Image.open(tmp_path / "samples" / "grid.png") as picture:
        tile = picture.convert("L").crop((2, 2, 34, 34))
        low, high = tile.getextrema()
    assert (low, high) == pytest.approx(range_, abs=1)
