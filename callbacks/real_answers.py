"""What the scorer says of a data set's held-out images: the same in every run, so it need be asked only once."""

import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lightning.pytorch import Trainer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from zoo.classifier import Scored
from zoo.kept import cache_folder
from zoo.scorers import Scorer

log = logging.getLogger("lightning.pytorch.ganzoo")


class RealAnswers:
    """The scorer's answers for the batches of a split, in a file that the next run finds.

    The file's name follows from every byte of the images and of the scorer's weights and from how the images are cut
    into batches, so that an answer is never that for another image. It lies in `$XDG_CACHE_HOME/ganzoo`, by default
    `~/.cache/ganzoo`, and may be deleted at any time.

    Args:
        images: the split, uint8 [N, C, H, W].
        scorer: who is asked.
        share: what else decides on a batch and the answers for it: the rank of this process, the dtype, ...
    """

    def __init__(self, images: Tensor, scorer: Scorer, share: Sequence[int | str]) -> None:
        digest = hashlib.sha256(repr((*images.shape, *share, scorer.image_shape)).encode())
        for part in (images, *scorer.state_dict().values()):
            digest.update(part.cpu().contiguous().numpy())
        folder = cache_folder()
        self.path = folder / f"{digest.hexdigest()}.safetensors" if folder else None
        self.kept: dict[str, Tensor] = {}
        self.is_new = False
        with suppress(OSError, SafetensorError):  # not there, or not whole: the scorer is asked
            self.kept = load(self.path.read_bytes()) if self.path else {}

    def get(self, batch: int) -> Scored | None:
        """The answers for a batch, None if they are not known."""
        features, logits = self.kept.get(f"features.{batch}"), self.kept.get(f"logits.{batch}")
        return None if features is None or logits is None else Scored(features, logits)

    def add(self, batch: int, scored: Scored) -> None:
        """Remembers the answers for a batch."""
        if f"features.{batch}" not in self.kept:
            self.kept |= {f"features.{batch}": scored.features.clone(), f"logits.{batch}": scored.logits.clone()}
            self.is_new = True

    def save(self) -> None:
        """Writes what is new."""
        if not self.is_new or self.path is None:
            return
        self.is_new = False
        partial = self.path.with_suffix(f".{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(save({name: part.cpu().contiguous() for name, part in self.kept.items()}))
            partial.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            log.info("%s: %s; the next run will ask the scorer again", self.path.parent, error.strerror)


def real_images(trainer: Trainer, stage: str) -> Any:
    """The data module's split of that name; for the `ceiling` training images, unused ones if there are any.

    (images uint8 [N, C, H, W], labels int64 [N]), or None.
    """
    splits = getattr(getattr(trainer, "datamodule", None), "splits", {})
    return splits.get("unused", splits.get("train")) if stage == "ceiling" else splits.get(stage)
