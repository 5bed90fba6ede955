"""Measure what each technique of the bare loop gains: the loop against itself without it, in turns, as JSON lines.

    python -m benchmarks.ablation
    python -m benchmarks.ablation --recipe wgan_gp_mnist --rounds 7

`gain` is the time of a step without the technique, divided by that with it: the median over the rounds, with its
quartiles, of the process' time with one thread. That the weights are the same either way is tested in
tests/test_benchmarks.py. What belongs to Lightning is in benchmarks/overhead.py.
"""

import argparse
import json
import time
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import bytes_to_steps, parts, tutorial_loader
from benchmarks.loops import Bare, doubled_before, full, plain_optimizers, torchs_relu
from zoo import GAN, WGANGP
from zoo.engine.precision import allow_onednn_float32, restore_matmul_precision
from zoo.networks.layers import DoubledConv2d, LeakyReLU

# recipe -> the steps of a turn
RECIPES = {"gan_mlp_mnist": 40, "wgan_mlp_mnist": 15, "wgan_gp_mlp_mnist": 8, "wgan_gp_mnist": 1, "wgan_gp_flowers": 1}


class Without(Bare):
    """The bare loop without a technique.

    Args:
        model: see Bare.
        steps: see Bare.
        batches: of the same images, as tutorials load them.
    """

    technique: str

    def __init__(self, model: GAN, steps: Iterator[Tensor], batches: Iterator[Tensor] | None = None) -> None:
        self.batches = batches
        super().__init__(model, steps)

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """Return whether this model has the technique at all."""
        return True


class Nothing(Without):
    """The bare loop, against itself."""

    technique = "nothing: what of a gain is noise"


class GeneratorGraph(Without):
    """Fakes for the critic carry the generator's graph; in WGAN-GP the gradient even goes back through it."""

    technique = "no generator graph for the critic"

    def fake(self, n: int) -> Tensor:
        """Generate images with the graph that PyTorch-GAN leaves on them: its WGAN-GP does not detach them."""
        fake = full(self.generator(self.latents(n)))
        return fake if isinstance(self.model, WGANGP) else fake.detach()


class TwoPasses(Without):
    """Real and fake go through the critic one after the other."""

    technique = "real and fake in one pass"

    def critic_outputs(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the critic's outputs on both, one after the other."""
        return full(self.critic(real)), full(self.critic(fake))


class PlainOptimizers(Without):
    """Adam and RMSprop as torch makes them by default."""

    technique = "fused optimizers"

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Build torch's optimizers without our own."""
        return plain_optimizers(self.model)


class TorchsReLU(Without):
    """The second derivative of the leaky ReLU is a tensor of zeros."""

    technique = "leaky ReLU without zeros"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """Return whether there is a penalty through linear layers alone."""
        return hasattr(model, "gp_weight") and any(isinstance(part, LeakyReLU) for part in model.critic.modules())

    def prepare(self) -> None:
        """Put torch's own in its place."""
        torchs_relu(self.model.critic)


class ChannelsFirst(Without):
    """Convolutions in torch's usual memory format."""

    technique = "channels_last"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """Return whether there are convolutions."""
        return any(isinstance(part, torch.nn.Conv2d) for part in model.critic.modules())

    def prepare(self) -> None:
        """Change the memory format of both networks."""
        for player in (self.model.generator, self.model.critic):
            player.to(memory_format=torch.contiguous_format)


class LargeImages(Without):
    """Images are doubled before their 4x4 convolution."""

    technique = "convolutions in 9/16"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """Return whether the generator doubles images."""
        return any(isinstance(part, DoubledConv2d) for part in model.generator.modules())

    def prepare(self) -> None:
        """Double the generator's images first."""
        doubled_before(self.model.generator).to(memory_format=torch.channels_last)


class TutorialData(Without):
    """Images come one by one from torchvision, through PIL."""

    technique = "images as bytes in memory"

    def __iter__(self) -> Iterator[None]:
        assert self.batches is not None
        self.steps = (torch.cat([next(self.batches) for _ in range(self.model.critic_steps)]) for _ in count())
        return super().__iter__()


def result_of(recipe: str, technique: str, without: list[float], best: list[float]) -> dict[str, Any]:
    """Return the gain as a row: the median over turns that belong together; the first don't count."""
    gains = np.array(without[1:]) / np.array(best[1:])
    low, median, high = np.quantile(gains, [0.25, 0.5, 0.75]).round(3).tolist()
    return {"recipe": recipe, "technique": technique, "gain": median, "quartiles": [low, high], "rounds": len(gains)}


def gains(recipe: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each technique that the recipe's model has."""
    model, data = parts(recipe)
    steps = bytes_to_steps(data.splits["train"].images, data.batch_size * model.batches_per_step, data.flip)
    kinds = [kind for kind in Without.__subclasses__() if kind.applies(model)]
    loops = {kind: iter(kind(deepcopy(model), steps, tutorial_loader(data))) for kind in kinds}
    best = iter(Bare(deepcopy(model), steps))
    seconds: dict[type[Without], tuple[list[float], list[float]]] = {kind: ([], []) for kind in kinds}
    for turn in range(rounds + 1):
        for kind in kinds:
            pair = list(zip((loops[kind], best), seconds[kind], strict=True))
            for loop, spent in pair if turn % 2 else reversed(pair):
                begin = time.process_time()
                for _ in range(RECIPES[recipe]):
                    next(loop)
                spent.append(time.process_time() - begin)
    yield from (result_of(recipe, kind.technique, *seconds[kind]) for kind in kinds)


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", nargs="+", choices=RECIPES, default=list(RECIPES)[:4])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("--rounds must be at least 5: the median of fewer says little")
    torch.set_num_threads(1)
    with restore_matmul_precision():
        allow_onednn_float32()  # as the product does
        for recipe in given.recipe:
            for gain in gains(recipe, given.rounds):
                print(json.dumps(gain), flush=True)


if __name__ == "__main__":
    main()
