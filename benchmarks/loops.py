"""The rivals of benchmarks/speed.py: training as tutorials write it, and as fast as plain PyTorch makes it.

Both are endless generators that yield after each step: `critic_steps` critic updates, then one of the generator. Their
losses are written out here, for GAN, WGAN and WGAN-GP.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from zoo import GAN, WGAN, WGANGP
from zoo.networks.layers import DoubledConv2d, LeakyReLU


def textbook(model: GAN, batches: Iterator[Tensor]) -> Iterator[None]:
    """The usual tutorial: real and fake judged apart, fakes made with the generator's graph, default optimizers."""
    generator, critic = as_in_tutorials(model.generator), as_in_tutorials(model.critic)
    optimizers = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
    made = []
    for network, config in zip((critic, generator), model.optimizer_configs, strict=True):
        options = {key: value for key, value in config.items() if key != "name"}
        made.append(optimizers[config["name"]](network.parameters(), **options))  # type: ignore[operator]
    critic_optimizer, generator_optimizer = made
    device = model.device
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
    """As in PyTorch-GAN: under the gradient penalty the fakes are not even detached."""
    if isinstance(model, WGANGP):
        alpha = torch.rand(len(real), 1, 1, 1, device=real.device)
        mixed = (alpha * real + (1 - alpha) * fake).requires_grad_()
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
    """The same network of torch's own layers, doubling before its 4x4 convolutions, in the usual memory format."""
    for name, part in network.named_children():
        if isinstance(part, DoubledConv2d):
            convolution = nn.Conv2d(part.in_channels, part.out_channels, 4)
            convolution.load_state_dict(part.state_dict())
            setattr(network, name, nn.Sequential(nn.Upsample(scale_factor=2), nn.ZeroPad2d((1, 2, 1, 2)), convolution))
        elif isinstance(part, LeakyReLU):
            setattr(network, name, nn.LeakyReLU(part.negative_slope, inplace=True))
        else:
            as_in_tutorials(part)
    return network.to(memory_format=torch.contiguous_format)


def bare(model: GAN, images: Tensor, batch_size: int, flip: bool, bfloat16: bool) -> Iterator[None]:
    """The same semantics with nothing around it: bytes in memory, fused optimizers, no graph that nobody needs."""
    generator, critic, device = model.generator, model.critic, model.device
    critic_optimizer, generator_optimizer = model.configure_optimizers()
    weights = list(critic.parameters())
    autocast = torch.autocast(device.type, torch.bfloat16) if bfloat16 else nullcontext()
    steps = bytes_to_steps(images.to(device), batch_size * model.critic_steps, flip)
    while True:
        step = next(steps)
        for real in step.split(batch_size):
            loss = bare_critic_loss(model, real, autocast)
            critic_optimizer.zero_grad()
            loss.backward()
            critic_optimizer.step()
            if isinstance(model, WGAN):
                with torch.no_grad():
                    for weight in weights:
                        weight.clamp_(-model.clip, model.clip)
        critic.requires_grad_(False)
        with autocast:
            on_fake = critic(generator(torch.randn(batch_size, model.latent_dim, device=device))).float()
            loss = (-on_fake if isinstance(model, WGAN | WGANGP) else F.softplus(-on_fake)).mean()
        generator_optimizer.zero_grad()
        loss.backward()
        generator_optimizer.step()
        critic.requires_grad_(True)
        yield


def bare_critic_loss(model: GAN, real: Tensor, autocast: AbstractContextManager[Any]) -> Tensor:
    """Real and fake in one pass; the penalty in float32 whatever the precision."""
    n = len(real)
    with autocast:
        with torch.no_grad():
            fake = model.generator(torch.randn(n, model.latent_dim, device=real.device)).float()
        on_real, on_fake = model.critic(torch.cat([real, fake])).float().split(n)
        if not isinstance(model, WGAN | WGANGP):
            return (F.softplus(-on_real).mean() + F.softplus(on_fake).mean()) / 2
        loss: Tensor = on_fake.mean() - on_real.mean()
    if isinstance(model, WGANGP):
        mixed = torch.lerp(fake, real, torch.rand(n, 1, 1, 1, device=real.device)).requires_grad_()
        (gradient,) = torch.autograd.grad(model.critic(mixed).sum(), mixed, create_graph=True)
        norms = (gradient.flatten(1).square().sum(1) + model.gp_eps).sqrt()
        loss = loss + model.gp_weight * (norms - 1).square().mean()
    return loss


def bytes_to_steps(images: Tensor, size: int, flip: bool) -> Iterator[Tensor]:
    """Images in [-1, 1] for a step at a time, epoch after epoch, half of them mirrored if asked for."""
    while True:
        for index in torch.randperm(len(images)).split(size)[: len(images) // size]:
            step = images[index.to(images.device)].float().div_(127.5).sub_(1)
            if flip:
                mirrored = torch.rand(len(step), 1, 1, 1, device=images.device) < 0.5
                step = torch.where(mirrored, step.flip(-1), step)
            yield step
