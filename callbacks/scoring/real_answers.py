"""What the scorer says of a data set's held-out images: the same in every run, so it need be asked only once."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from zoo.files.kept import cache_folder, read_checked, write_checked
from zoo.scores.classifier import Scored
from zoo.scores.scorer import Scorer

log = logging.getLogger("lightning.pytorch.ganzoo")

HEADER_BYTES = 512  # at most, for the two tensors of a batch of one image, in a safetensors file


class RealAnswers:
    """The scorer's answers for the batches of a split, in a file that the next run finds.

    The file's name follows from every byte of the images and of the scorer's weights and from how the images are cut
    into batches, so that an answer is never that for another image. It lies in `$XDG_CACHE_HOME/ganzoo`, by default
    `~/.cache/ganzoo`, and may be deleted at any time. A file that is damaged, or holds what this scorer cannot have
    said, is not used: the scorer is asked anew, and a line of the log says so.

    Args:
        images: the split, uint8 [N, C, H, W].
        scorer: who is asked.
        share: what else decides on a batch and the answers for it: the rank of this process, the dtype, ...
    """

    def __init__(self, images: Tensor, scorer: Scorer, share: Sequence[int | str]) -> None:
        digest = hashlib.sha256(repr((*images.shape, *share, scorer.image_shape)).encode())
        for part in (*images.split(1000), *scorer.state_dict().values()):
            digest.update(part.cpu().contiguous().numpy())
        folder = cache_folder()
        self.path = folder / f"{digest.hexdigest()}.answers" if folder else None
        self.widths = {"features": scorer.num_features, "logits": scorer.num_classes}
        self.most = len(images) * (4 * sum(self.widths.values()) + HEADER_BYTES) + HEADER_BYTES
        self.kept = self.read()
        self.is_new = False

    def read(self) -> dict[str, Tensor]:
        """Return what the file holds, nothing if it is not there or anything is wrong with it."""
        try:
            kept = load(bytes(read_checked(self.path, self.most))) if self.path else {}
            for name, part in kept.items():
                if part.dtype != torch.float32 or part.shape[1:] != (self.widths.get(name.split(".")[0]),):
                    raise ValueError(f"{name}: {part.dtype} {tuple(part.shape)}")
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, SafetensorError) as error:
            log.warning("%s: not used, the scorer is asked again (%s)", self.path, " ".join(str(error).split()))
            return {}
        return kept

    def get(self, batch: int, rows: int) -> Scored | None:
        """Return the answers for a batch of that many images, None if they are not known."""
        features, logits = self.kept.get(f"features.{batch}"), self.kept.get(f"logits.{batch}")
        known = features is not None and logits is not None and len(features) == len(logits) == rows
        return Scored(features, logits) if known else None  # type: ignore[arg-type]

    def add(self, batch: int, scored: Scored) -> None:
        """Remembers the answers for a batch."""
        if self.get(batch, len(scored.features)) is None:
            self.kept |= {f"features.{batch}": scored.features.clone(), f"logits.{batch}": scored.logits.clone()}
            self.is_new = True

    def save(self) -> None:
        """Writes what is new."""
        if not self.is_new or self.path is None:
            return
        self.is_new = False
        try:
            write_checked(self.path, [save({name: part.cpu().contiguous() for name, part in self.kept.items()})])
        except OSError as error:
            log.info("%s: %s; the next run will ask the scorer again", self.path.parent, error.strerror)


def real_images(trainer: Trainer, stage: str) -> Any:
    """The data module's split of that name; for the `ceiling` training images, unused ones if there are any.

    (images uint8 [N, C, H, W], labels int64 [N]), or None.
    """
    splits = getattr(getattr(trainer, "datamodule", None), "splits", {})
    return splits.get("unused", splits.get("train")) if stage == "ceiling" else splits.get(stage)
