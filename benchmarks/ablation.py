"""What each technique gains by itself: the best loop against the same without it, in turns, as JSON lines.

    python -m benchmarks.ablation
    python -m benchmarks.ablation --recipe wgan_gp_mnist --rounds 7

`gain` is the time of a step without the technique, divided by that with it: the median over the rounds, with its
quartiles. It is the process' time with one thread. What belongs to the loop is taken from the bare one of
benchmarks/loops.py; what belongs to Lightning from `ganzoo fit` itself. That the results are the same either way is
tested in tests/test_benchmarks.py.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from benchmarks.loops import (
    Bare,
    bytes_to_steps,
    doubled_before,
    full,
    parts,
    plain_optimizers,
    torchs_relu,
    tutorial_loader,
)
from cli import main as ganzoo
from configs.command import EVERY_UPDATE, silence
from zoo import GAN, WGANGP
from zoo.networks.layers import DoubledConv2d, LeakyReLU

# recipe -> the steps of a turn: of the bare loop, and of `ganzoo fit`, where a step is short enough to see its overhead
LOOPS = {"gan_mlp_mnist": 40, "wgan_mlp_mnist": 15, "wgan_gp_mlp_mnist": 8, "wgan_gp_mnist": 1, "wgan_gp_flowers": 1}
RUNS = {"gan_toy": 100, "gan_mlp_mnist": 40, "wgan_mlp_mnist": 15}


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
        """Whether this model has the technique at all."""
        return True


class Nothing(Without):
    """The bare loop itself, against itself."""

    technique = "nothing: what of a gain is noise"


class GeneratorGraph(Without):
    """Fakes for the critic carry the generator's graph; under the penalty the gradient even goes back through it."""

    technique = "no generator graph for the critic"

    def fake(self, n: int) -> Tensor:
        """As in PyTorch-GAN, whose WGAN-GP does not detach them."""
        fake = full(self.generator(self.latents(n)))
        return fake if isinstance(self.model, WGANGP) else fake.detach()


class TwoPasses(Without):
    """Real and fake are judged apart."""

    technique = "real and fake in one pass"

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """One after the other."""
        return full(self.critic(real)), full(self.critic(fake))


class PlainOptimizers(Without):
    """Adam and RMSprop as torch makes them unless told otherwise."""

    technique = "fused optimizers"

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Without our own."""
        return plain_optimizers(self.model)


class TorchsReLU(Without):
    """The second derivative of the leaky ReLU is a tensor of zeros."""

    technique = "leaky ReLU without zeros"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """For the penalty of linear layers alone."""
        return hasattr(model, "gp_weight") and any(isinstance(part, LeakyReLU) for part in model.critic.modules())

    def prepare(self) -> None:
        """Torch's own in its place."""
        torchs_relu(self.model.critic)


class ChannelsFirst(Without):
    """Convolutions in torch's usual memory format."""

    technique = "channels_last"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """For convolutions."""
        return any(isinstance(part, torch.nn.Conv2d) for part in model.critic.modules())

    def prepare(self) -> None:
        """In both networks."""
        for player in (self.model.generator, self.model.critic):
            player.to(memory_format=torch.contiguous_format)


class LargeImages(Without):
    """Images are doubled before their 4x4 convolution."""

    technique = "convolutions in 9/16"

    @classmethod
    def applies(cls, model: GAN) -> bool:
        """For generators that double."""
        return any(isinstance(part, DoubledConv2d) for part in model.generator.modules())

    def prepare(self) -> None:
        """In the generator."""
        doubled_before(self.model.generator).to(memory_format=torch.channels_last)


class TutorialData(Without):
    """Images come one by one from torchvision, through PIL."""

    technique = "images as bytes in memory"

    def __iter__(self) -> Iterator[None]:
        assert self.batches is not None
        self.steps = (torch.cat([next(self.batches) for _ in range(self.model.critic_steps)]) for _ in count())
        return super().__iter__()


class Switched(Callback):
    """In every second turn of a run, Lightning works without a technique.

    Args:
        rounds: turns of each kind that count; one of each before them does not.
        steps: of a turn.
        technique: `hooks`, that empty ones are not called, or `logging`, of one step in 50 instead of each.
    """

    latest: "Switched"

    def __init__(self, rounds: int, steps: int, technique: str) -> None:
        self.rounds, self.steps, self.technique = rounds, steps, technique
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.used = True
        Switched.latest = self

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The first turn."""
        self.begin = time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """At the end of a turn, switches."""
        if trainer.global_step % self.steps:
            return
        self.seconds[self.used].append(time.process_time() - self.begin)
        self.used = not self.used
        if self.technique == "logging":
            trainer.log_every_n_steps = 50 if self.used else 1  # type: ignore[attr-defined]
        for callback in trainer.callbacks if self.technique == "hooks" else ():  # type: ignore[attr-defined]
            if self.used:
                silence(callback)
            else:
                for hook in set(EVERY_UPDATE) & vars(callback).keys():
                    delattr(callback, hook)
        trainer.should_stop = len(self.seconds[False]) > self.rounds
        self.begin = time.process_time()


def told(recipe: str, technique: str, without: list[float], best: list[float]) -> dict[str, Any]:
    """The gain, of turns that belong together; the first don't count."""
    gains = np.array(without[1:]) / np.array(best[1:])
    low, median, high = np.quantile(gains, [0.25, 0.5, 0.75]).round(3).tolist()
    return {"recipe": recipe, "technique": technique, "gain": median, "quartiles": [low, high], "rounds": len(gains)}


def of_the_loop(recipe: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Each technique of the bare loop."""
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
                for _ in range(LOOPS[recipe]):
                    next(loop)
                spent.append(time.process_time() - begin)
    yield from (told(recipe, kind.technique, *seconds[kind]) for kind in kinds)


def of_lightning(recipe: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Each technique of `ganzoo fit`."""
    for technique in ("hooks", "logging"):
        arguments = {"rounds": rounds, "steps": RUNS[recipe], "technique": technique}
        switched = {"class_path": "benchmarks.ablation.Switched", "init_args": arguments}
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            words = ["fit", "--config", recipe, "--trainer.default_root_dir", folder, "--loggers", "[csv]"]
            ganzoo([*words, f"--trainer.callbacks+={json.dumps(switched)}"])
        seconds = sys.modules["benchmarks.ablation"].Switched.latest.seconds
        name = {"hooks": "empty hooks not called", "logging": "losses logged one step in 50"}[technique]
        yield told(recipe, name, seconds[False], seconds[True])


def main() -> None:
    """Measures what is asked for, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", nargs="+", choices=RUNS | LOOPS, default=[*RUNS, *list(LOOPS)[2:4]])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("--rounds must be at least 5: the median of fewer says little")
    torch.set_num_threads(1)
    for recipe in given.recipe:
        for measure in [of_the_loop] * (recipe in LOOPS) + [of_lightning] * (recipe in RUNS):
            for gain in measure(recipe, given.rounds):
                print(json.dumps(gain), flush=True)


if __name__ == "__main__":
    main()
