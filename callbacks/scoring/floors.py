"""Floors of the score that chooses checkpoints: of real images, blurred ones and noise, before training."""

import logging
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.checkpoints.best_checkpoint import PIXELS, BestCheckpoint, score_that_chooses
from callbacks.pictures.image_grid import from_bytes
from callbacks.scoring.feature_cache import REFERENCE, split_of
from callbacks.scoring.scores import Scores
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorer import Scorer
from zoo.scores.scorers import INDEX
from zoo.scores.table import METRICS

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Images of each kind that are looked at, at most: a second of one core with a shipped scorer.
MOST = 1000
BATCH = 100
#: Real images must get less than this share of what blurred ones and noise get.
CLEAR = 0.5
#: A scorer this near to chance tells nothing: 0 is chance, 1 is always right.
NEAR_CHANCE = 0.15
#: Scores whose best value is the least, as distances are.
DISTANCES = "fid", "kid", PIXELS


class Pairs(NamedTuple):
    """Images, bytes or floats [N, C, H, W] of each kind, and which of them are compared, int64 [M] of each."""

    held_out: Tensor
    train: Tensor
    places: Tensor
    others: Tensor


class Floors(Callback):
    """Say before training what real training images, blurred ones and noise get, where a score is to choose the best.

    As many of each as there are held-out images, which they are compared with. A warning says so where real images do
    not stand out: too few are held out, or the score sees nothing. Another where a scorer of one's own, asked about
    the data's own classes, is right hardly more often than chance. Nothing where images are no pictures, where no
    distance chooses, and with Inception on a CPU, which would take minutes.

    Attributes:
        name: of the score, fid, kid or sliced_wasserstein; "" until it is known.
        found: what `real`, `blurred` and `noise` get; empty where nothing is said.
    """

    def __init__(self) -> None:
        self.name, self.found = "", dict[str, float]()

    def __str__(self) -> str:
        """Return what each kind gets."""
        return "real training images {real:.4g}, blurred ones {blurred:.4g}, noise {noise:.4g}".format(**self.found)

    @property
    def is_clear(self) -> bool:
        """Return whether real images stand out."""
        return bool(self.found) and self.found["real"] < CLEAR * min(self.found["blurred"], self.found["noise"])

    def is_a_result(self, value: float) -> bool:
        """Return whether samples of this score are clearly better than blurred pictures; True where that is unknown."""
        return not self.is_clear or value < CLEAR * self.found["blurred"]

    def is_needed(self, model: LightningModule, command: str) -> bool:
        """Return whether the command trains."""
        return command == "fit"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score the three kinds."""
        for scores in callbacks_of_type(trainer, Scores)[:1]:
            held_out, train = split_of(trainer, "val"), split_of(trainer, REFERENCE)
            count = 0 if held_out is None else min(len(held_out.images), len(train.images), scores.num_samples, MOST)
            name = score_of(trainer, scores)
            is_slow = scores.scorer is not None and scores.scorer.name == "inception" and pl_module.device.type == "cpu"
            are_few = count < max(2, trainer.world_size)
            if are_few or not trainer.enable_validation or min(held_out.images.shape[2:]) < 4 or not name or is_slow:
                continue
            share = slice(trainer.global_rank, count, trainer.world_size)
            places, others = (drawn(len(split.images), count)[share] for split in (held_out, train))
            self.name = name
            self.found = found(
                name, scores.scorer, Pairs(held_out.images, train.images, places, others), pl_module.device
            )
            if trainer.is_global_zero:
                self.say(count)
                if scores.scorer is not None and scores.scorer.name not in INDEX:
                    some = places[:BATCH]
                    images = from_bytes(held_out.images[some]).to(pl_module.device)
                    say_if_by_chance(scores.scorer, images, held_out.labels[some], getattr(trainer, "datamodule", None))

    def say(self, count: int) -> None:
        """Print the three, as a warning where real images do not stand out."""
        if self.is_clear:
            log.info("val/%s of %d images: %s", self.name, count, self)
            return
        other = "give a --scores.scorer" if self.name == PIXELS else "take another --scores.scorer"
        log.warning(
            "val/%s cannot tell good samples from bad ones here: %s, against %d held-out images; hold out more "
            "(--data.init_args.val_share), or %s: %s",
            self.name, self, count, other, ", ".join(INDEX),
        )  # fmt: skip


def score_of(trainer: Trainer, scores: Scores) -> str | None:
    """Return the distance that chooses the best checkpoint; None where something else does."""
    chosen = [str(each.monitor).removeprefix("val/") for each in callbacks_of_type(trainer, BestCheckpoint)]
    name = chosen[0] if chosen else score_that_chooses(scores)
    return name if name in DISTANCES and name in scores.generated.keys else None


def drawn(size: int, count: int) -> Tensor:
    """Return `count` of the numbers below `size`, always the same ones, int64 [count]."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(0))[:count]


def kinds_of(real: Tensor, random: torch.Generator) -> dict[str, Tensor]:
    """Return real images [N, C, H, W] in [-1, 1], the same blurred to an eighth of their sides, and as much noise."""
    sides = [max(1, side // 8) for side in real.shape[2:]]
    blurred = F.interpolate(F.interpolate(real, sides, mode="area"), real.shape[2:], mode="bilinear")
    return {"real": real, "blurred": blurred, "noise": (torch.rand(real.shape, generator=random) * 2 - 1).to(real)}


def found(name: str, scorer: Scorer | None, pairs: Pairs, device: torch.device) -> dict[str, float]:
    """Return the score of each kind against held-out images; on every process, each with its share."""
    metric = next(metric for metric, keys in METRICS.items() if name in keys)
    evaluations, random = dict[str, Evaluation](), torch.Generator().manual_seed(0)
    for held_out, others in zip(pairs.places.split(BATCH), pairs.others.split(BATCH), strict=True):
        real, scored = from_bytes(pairs.held_out[held_out]).to(device), None
        for kind, images in kinds_of(from_bytes(pairs.train[others]).to(device), random).items():
            each = evaluations.setdefault(kind, Evaluation(scorer, [metric]).to(device))
            scored = each.update_real(real, scored)
            each.update_fake(images)
    return {kind: each.compute()[name] for kind, each in evaluations.items()}


def say_if_by_chance(scorer: Scorer, images: Tensor, labels: Tensor, data: Any) -> None:
    """Warn of a scorer that is hardly ever right about the held-out images, where their classes are as many as its."""
    classes = scorer.num_classes
    if classes < 2 or getattr(data, "num_classes", None) != classes:
        return
    right = float((scorer(images).logits.argmax(dim=1).cpu() == labels.cpu()).float().mean())
    if (right - 1 / classes) / (1 - 1 / classes) < NEAR_CHANCE:
        log.warning(
            "the scorer %s is right about %.0f %% of the held-out images, by chance it would be about %.0f %%: its "
            "scores mean little, however good they look; train it longer (ganzoo scorer --epochs)",
            scorer.name, 100 * right, 100 / classes,
        )  # fmt: skip
