"""From what a folder of pictures holds to the settings of a first run on it, with the reasons."""

from collections.abc import Sequence
from typing import Any, NamedTuple

#: Fewer pictures than these are no data set.
LEAST = 20
#: Of fewer training images the critic learns each by heart unless they are changed at random.
FEW = 5000
#: A class of fewer images is no class to be asked for.
ENOUGH_IN_CLASS = 100
#: The covariance of a scorer's features, and FID with it, needs more held-out images than there are features.
ENOUGH_FOR_FID = 200
#: Held-out images that validations should have, as far as a fifth of all gives them: with 30, KID of the same samples
#: had a standard deviation of 0.03, with 60 of 0.01, where early samples are 0.1 from real images.
HELD_OUT = 60
#: Side of the images, and steps: a quarter of an hour of two cores.
SIDE, STEPS, BATCH = 32, 6000, 32
ADAM = {"name": "adam", "lr": 1e-3, "betas": [0.0, 0.99]}


class Facts(NamedTuple):
    """Facts of a folder of pictures.

    Attributes:
        folder: its path, as it was given.
        class_counts: how many pictures each class has, by its folder's name; one entry where there are no classes.
        side: the median of the pictures' shorter sides, of those that were looked at.
        is_grey: whether none of these has colours.
    """

    folder: str
    class_counts: dict[str, int]
    side: int
    is_grey: bool

    @property
    def total(self) -> int:
        """Return how many pictures there are."""
        return sum(self.class_counts.values())

    @property
    def least(self) -> int:
        """Return how many pictures the smallest class has."""
        return min(self.class_counts.values())


class Choice(NamedTuple):
    """The settings of a run, as a configuration file has them, and a line for each thing that was chosen."""

    settings: dict[str, Any]
    reasons: Sequence[str]


def choose(facts: Facts) -> Choice:
    """Choose a small modern model that shows something in a quarter of an hour of two cores.

    R3GAN, since its objective is stable without tuning and leaves no picture out, on small convolutions that a CPU can
    train; DiffAugment where pictures are few; the generator's moving average; labels where each class has enough; KID
    as the score that chooses where few images are held out, through the scorer of CIFAR-10, which knows no
    photographs of one kind only.
    """
    is_conditional = len(facts.class_counts) > 1 and facts.least >= ENOUGH_IN_CLASS
    val_share = round(max(0.1, min(0.2, HELD_OUT / facts.total)), 3)
    held_out = max(1, round(val_share * facts.total))
    training = facts.total - held_out - max(1, round(0.1 * facts.total))
    side = SIDE if facts.side >= SIDE else max(8, facts.side // 4 * 4)
    is_few, score = training < FEW, "fid" if held_out >= ENOUGH_FOR_FID else "kid"
    changes = ["color", "translation", "cutout"]
    model: dict[str, Any] = {
        "network": "small_conv",
        "generator_options": {"widths": [128, 64]},
        "critic_options": {"widths": [32, 64, 128]},
        "latent_dim": 64,
        "gamma": 0.5,
        "penalty_every": 8,
        "critic_optimizer": dict(ADAM),
        "generator_optimizer": dict(ADAM),
        "average": {"name": "steps", "decay": 0.999},
    }
    if is_few:
        model["augmentation"] = {"name": "diffaugment", "policy": changes[facts.is_grey :]}
    data = {
        "folder": facts.folder,
        "image_size": side,
        "channels": 1 if facts.is_grey else 3,
        "resize": "crop",
        "val_share": val_share,
        "batch_size": min(BATCH, training),
        "flip": not facts.is_grey,
    }
    settings = {
        "model": {"class_path": f"zoo.{'ConditionalR3GAN' if is_conditional else 'R3GAN'}", "init_args": model},
        "data": {"class_path": "datamodules.FolderDataModule", "init_args": data},
        "trainer": {"max_steps": STEPS, "val_check_interval": STEPS // 10},
        "image_grid": {"every_n_steps": STEPS // 24},
        "scores": {"scorer": "cifar10"},
        "best_checkpoint": {"monitor": f"val/{score}"},
    }
    reasons = [
        size_line(facts, side),
        f"{'ConditionalR3GAN' if is_conditional else 'R3GAN'} on small convolutions, its generator averaged"
        + class_reason(facts, is_conditional),
        f"{'DiffAugment' if is_few else 'no augmentation'}: {training:,} images to train on are "
        + ("few" if is_few else "enough")
        + ("; not mirrored, as grey pictures may be letters" if facts.is_grey else "; half of them mirrored"),
        f"the best of ten validations by {score.upper()} through CIFAR-10's scorer, of {held_out:,} held-out images",
        f"{STEPS:,} steps, 15 minutes of two cores or less; for more: --trainer.max_steps {5 * STEPS}",
    ]
    return Choice(settings, reasons)


def size_line(facts: Facts, side: int) -> str:
    """Say in which size and colours images are made, and how to have them larger."""
    larger = "; larger ones take longer: --data.init_args.image_size 64" if facts.side >= 64 else ""
    return f"{side}x{side}, in {'grey' if facts.is_grey else 'colour'}{larger}"


def class_reason(facts: Facts, is_conditional: bool) -> str:
    """Say whether the model is told the classes, and why; nothing where there are none."""
    if len(facts.class_counts) == 1:
        return ""
    if is_conditional:
        return f", told the class: {facts.least:,} images or more in each"
    return f", not told the class: the least has {facts.least:,} images, {ENOUGH_IN_CLASS} would do"
