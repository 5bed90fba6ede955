"""The loops of the most copied tutorial, scored as this zoo's runs are, at equal CPU seconds.

    python -m benchmarks.tutorial --seconds 180 400 900

Networks, optimizers, batches and steps are those of PyTorch-GAN's gan.py, wgan.py and wgan_gp.py at 28x28, written
anew: four hidden layers of 128 to 1024 with batch norm, whose epsilon is 0.8 there; a critic of 512 and 256; Adam 2e-4
(0.5, 0.999) or RMSprop 5e-5; 64 images through PIL and a loader; a generator step for each critic step of the GAN, for
each fifth of the others. Seconds are the process' own, on one thread. Scores are those of 10,000 samples through the
scorer `mnist`, against the test split, as `ganzoo test` has them.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.data import tutorial_loader
from datamodules import MNISTDataModule
from datamodules.scaling import to_unit_range
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorers import load_scorer

LATENT, BATCH = 100, 64


def generator() -> nn.Module:
    """Return the tutorial's generator."""
    layers: list[nn.Module] = [nn.Linear(LATENT, 128), nn.LeakyReLU(0.2, inplace=True)]
    for inputs, outputs in pairwise((128, 256, 512, 1024)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs, 0.8), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))


def critic(*end: nn.Module) -> nn.Module:
    """Return the tutorial's critic, which the GAN's ends in a sigmoid."""
    middle: list[nn.Module] = [nn.Linear(784, 512), nn.LeakyReLU(0.2, inplace=True)]
    middle += [nn.Linear(512, 256), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(nn.Flatten(), *middle, nn.Linear(256, 1), *end)


def gan(images: Iterator[Tensor]) -> Iterator[nn.Module]:
    """Train as gan.py does; yield the generator after each batch."""
    g, d = generator(), critic(nn.Sigmoid())
    of_g, of_d = (torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in (g, d))
    for real in images:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        of_g.zero_grad()
        fake = g(torch.randn(len(real), LATENT))
        F.binary_cross_entropy(d(fake), ones).backward()
        of_g.step()
        of_d.zero_grad()
        loss = (F.binary_cross_entropy(d(real), ones) + F.binary_cross_entropy(d(fake.detach()), zeros)) / 2
        loss.backward()
        of_d.step()
        yield g


def wgan(images: Iterator[Tensor]) -> Iterator[nn.Module]:
    """Train as wgan.py does, weights clipped to 0.01."""
    g, d = generator(), critic()
    of_g, of_d = (torch.optim.RMSprop(each.parameters(), 5e-5) for each in (g, d))
    for step, real in enumerate(images):
        noise = torch.randn(len(real), LATENT)
        of_d.zero_grad()
        (d(g(noise).detach()).mean() - d(real).mean()).backward()
        of_d.step()
        with torch.no_grad():
            for weight in d.parameters():
                weight.clamp_(-0.01, 0.01)
        if step % 5 == 0:
            of_g.zero_grad()
            (-d(g(noise)).mean()).backward()
            of_g.step()
        yield g


def wgan_gp(images: Iterator[Tensor]) -> Iterator[nn.Module]:
    """Train as wgan_gp.py does, penalty 10."""
    g, d = generator(), critic()
    of_g, of_d = (torch.optim.Adam(each.parameters(), 2e-4, (0.5, 0.999)) for each in (g, d))
    for step, real in enumerate(images):
        noise = torch.randn(len(real), LATENT)
        of_d.zero_grad()
        fake = g(noise)
        share = torch.rand(len(real), 1, 1, 1)
        between = (share * real + (1 - share) * fake).requires_grad_(True)
        (gradient,) = torch.autograd.grad(d(between).sum(), between, create_graph=True, retain_graph=True)
        penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        (d(fake).mean() - d(real).mean() + 10 * penalty).backward()
        of_d.step()
        if step % 5 == 0:
            of_g.zero_grad()
            (-d(g(noise)).mean()).backward()
            of_g.step()
        yield g


LOOPS: dict[str, Callable[[Iterator[Tensor]], Iterator[nn.Module]]] = {"gan": gan, "wgan": wgan, "wgan_gp": wgan_gp}


def scores(model: nn.Module, data: MNISTDataModule, samples: int) -> dict[str, float]:
    """Return the scores of a generator's samples, in evaluation mode."""
    evaluation = Evaluation(load_scorer("mnist"), ["fid", "inception_score", "precision_recall"])
    model.eval()
    with torch.inference_mode():
        for real in data.splits["test"].images[:samples].split(500):
            evaluation.update_real(to_unit_range(real))
            evaluation.update_fake(model(torch.randn(len(real), LATENT)))
    model.train()
    return {name: round(float(value), 3) for name, value in evaluation.compute().items()}


def main() -> None:
    """Train each for the seconds that are asked for, and score it at each of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", nargs="*", choices=[*LOOPS], default=[*LOOPS])
    parser.add_argument("--seconds", nargs="*", type=float, default=[400.0], help="when to score, ascending")
    parser.add_argument("--samples", type=int, default=10_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = MNISTDataModule(batch_size=BATCH)
    data.setup()
    for name in given.loops:
        torch.manual_seed(0)
        marks, spent, begun = sorted(given.seconds), 0.0, time.process_time()
        for batches, model in enumerate(LOOPS[name](tutorial_loader(data)), 1):
            if spent + time.process_time() - begun >= marks[0]:
                spent += time.process_time() - begun
                result = {"loop": name, "seconds": round(spent, 1), "batches": batches}
                print(json.dumps(result | scores(model, data, given.samples)), flush=True)
                begun = time.process_time()
                if not (marks := marks[1:]):
                    break


if __name__ == "__main__":
    main()
