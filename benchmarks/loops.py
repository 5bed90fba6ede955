"""The rivals of benchmarks/speed.py: training as tutorials write it, and as fast as plain PyTorch makes it.

Both are endless iterators that yield after each step: `critic_steps` critic updates, then one of the generator. Their
losses are written out here, for GAN, WGAN and WGAN-GP.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from zoo import GAN, WGAN, WGANGP
from zoo.networks.layers import DoubledConv2d, LeakyReLU


def plain_optimizers(model: GAN) -> list[torch.optim.Optimizer]:
    """Build the critic's and the generator's optimizers with torch's own defaults."""
    classes: dict[str, Any] = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}
    options = [{key: value for key, value in config.items() if key != "name"} for config in model.optimizer_configs]
    names = [config["name"] for config in model.optimizer_configs]
    players = model.critic, model.generator
    return [classes[n](player.parameters(), **o) for n, player, o in zip(names, players, options, strict=True)]


def textbook(model: GAN, batches: Iterator[Tensor]) -> Iterator[None]:
    """Train as the usual tutorial: a critic's pass each for real and fake, fakes with the generator's graph."""
    model.generator, model.critic = as_in_tutorials(model.generator), as_in_tutorials(model.critic)
    generator, critic, device = model.generator, model.critic, model.device
    critic_optimizer, generator_optimizer = plain_optimizers(model)
    while True:
        for _ in range(model.critic_steps):
            real = next(batches).to(device)
            fake = generator(torch.randn(len(real), model.latent_dim, device=device))
            critic_optimizer.zero_grad()
            textbook_critic_loss(model, critic, real, fake).backward()
            critic_optimizer.step()
            if isinstance(model, WGAN):
                for weight in critic.parameters():
                    weight.data.clamp_(-model.clip, model.clip)
        generator_optimizer.zero_grad()
        on_fake = critic(generator(torch.randn(len(real), model.latent_dim, device=device)))
        if isinstance(model, WGAN | WGANGP):
            loss = -on_fake.mean()
        else:
            loss = F.binary_cross_entropy_with_logits(on_fake, torch.ones_like(on_fake))
        loss.backward()
        generator_optimizer.step()
        yield


def textbook_critic_loss(model: GAN, critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Compute the loss as in PyTorch-GAN, whose fakes are not even detached under the gradient penalty."""
    if isinstance(model, WGANGP):
        alpha = torch.rand(len(real), 1, 1, 1, device=real.device)
        mixed = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_()
        on_mixed = critic(mixed)
        (gradient,) = torch.autograd.grad(on_mixed, mixed, torch.ones_like(on_mixed), create_graph=True)
        penalty = ((gradient.view(len(real), -1).norm(2, dim=1) - 1) ** 2).mean()
        return -critic(real).mean() + critic(fake).mean() + model.gp_weight * penalty  # type: ignore[no-any-return]
    if isinstance(model, WGAN):
        return -critic(real).mean() + critic(fake.detach()).mean()  # type: ignore[no-any-return]
    bce = F.binary_cross_entropy_with_logits
    on_real, on_fake = critic(real), critic(fake.detach())
    return (bce(on_real, torch.ones_like(on_real)) + bce(on_fake, torch.zeros_like(on_fake))) / 2


def as_in_tutorials(network: nn.Module) -> nn.Module:
    """Replace the layers that are ours for speed, and return the network in torch's usual memory format."""
    return torchs_relu(doubled_before(network)).to(memory_format=torch.contiguous_format)


def doubled_before(network: nn.Module) -> nn.Module:
    """Replace convolutions that double the image by doubling and a 4x4 convolution; return the network."""
    for name, part in network.named_children():
        if isinstance(part, DoubledConv2d):
            convolution = nn.Conv2d(part.in_channels, part.out_channels, 4, device=part.weight.device)
            convolution.load_state_dict(part.state_dict())
            setattr(network, name, nn.Sequential(nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 1, 2)), convolution))
        else:
            doubled_before(part)
    return network


def torchs_relu(network: nn.Module) -> nn.Module:
    """Replace our leaky ReLUs by torch's own; return the network."""
    for name, part in network.named_children():
        if isinstance(part, LeakyReLU):
            setattr(network, name, nn.LeakyReLU(part.negative_slope, inplace=True))
        else:
            torchs_relu(part)
    return network


class Bare:
    """Train as the zoo's loop does, with nothing around it: fused optimizers, no needless graph, nothing logged.

    Each method is a technique; benchmarks/ablation.py takes them away one by one.

    Args:
        model: of which the networks and the constants are taken.
        steps: the images of a step at a time, [critic_steps * N, C, H, W] in [-1, 1]; see benchmarks/data.py.
        bfloat16: autocast, with the penalty in float32.
    """

    def __init__(self, model: GAN, steps: Iterator[Tensor], bfloat16: bool = False) -> None:
        self.model, self.steps = model, steps
        self.prepare()
        self.generator, self.critic = model.generator, model.critic
        self.autocast: Any = torch.autocast(model.device.type, torch.bfloat16) if bfloat16 else nullcontext()
        self.critic_optimizer, self.generator_optimizer = self.optimizers()
        self.weights = list(self.critic.parameters())

    def prepare(self) -> None:
        """Change the networks."""

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Build the critic's and the generator's optimizers."""
        return self.model.configure_optimizers()

    def __iter__(self) -> Iterator[None]:
        for images in self.steps:
            batches = images.chunk(self.model.critic_steps)
            for real in batches:
                self.update_critic(real)
            self.update_generator(len(batches[-1]))
            yield

    def latents(self, n: int) -> Tensor:
        """Draw latents of a Gaussian prior, [n, D]."""
        return torch.randn(n, self.model.latent_dim, device=self.model.device)

    def fake(self, n: int) -> Tensor:
        """Generate images for the critic."""
        with torch.no_grad():
            return full(self.generator(self.latents(n)))

    def critic_outputs(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the critic's outputs on both, [N] each, in one pass."""
        on_real, on_fake = full(self.critic(torch.cat([real, fake]))).split(len(real))
        return on_real, on_fake

    def update_critic(self, real: Tensor) -> None:
        """Take one step of the critic."""
        loss = self.critic_loss(real)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        if isinstance(self.model, WGAN):
            with torch.no_grad():
                for weight in self.weights:
                    weight.clamp_(-self.model.clip, self.model.clip)

    def critic_loss(self, real: Tensor) -> Tensor:
        """Compute the loss of the model's class."""
        with self.autocast:
            fake = self.fake(len(real))
            on_real, on_fake = self.critic_outputs(real, fake)
        if not isinstance(self.model, WGAN | WGANGP):
            return (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2
        loss = on_fake.mean() - on_real.mean()
        if isinstance(self.model, WGANGP):
            mixed = torch.lerp(fake.detach(), real, torch.rand(len(real), 1, 1, 1, device=real.device)).requires_grad_()
            (gradient,) = torch.autograd.grad(self.critic(mixed).sum(), mixed, create_graph=True)
            norms = (gradient.flatten(1).square().sum(1) + self.model.gp_eps).sqrt()
            loss = loss + self.model.gp_weight * (norms - 1).square().mean()
        return loss

    def update_generator(self, n: int) -> None:
        """Take one step of the generator."""
        self.critic.requires_grad_(False)
        with self.autocast:
            on_fake = full(self.critic(self.generator(self.latents(n))))
        loss = (-on_fake if isinstance(self.model, WGAN | WGANGP) else F.softplus(-on_fake)).mean()
        self.generator_optimizer.zero_grad()
        loss.backward()
        self.generator_optimizer.step()
        self.critic.requires_grad_(True)


def full(outputs: Tensor) -> Tensor:
    """Return outputs in float32 at least."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))
