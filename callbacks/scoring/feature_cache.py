"""The scorer's features and logits of real images: the same in every run, so they are computed once."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from zoo.engine.inputs import Scaled, images_of
from zoo.files.cached_files import cache_folder, read_checked, write_checked
from zoo.scores.classifier import Scored
from zoo.scores.scorer import Scorer

log = logging.getLogger("lightning.pytorch.ganzoo")

HEADER_BYTES = 512  # at most, for the two tensors of a batch of one image, in a safetensors file

#: Training images that are scored in the generator's place: no split's name.
REFERENCE = "reference"


class FeatureCache:
    """Ask a scorer about real images, each batch of our data modules once, in this run and in later ones.

    Batches of other data modules may come in any order: the scorer is asked about them each time.

    Args:
        scorer: it is on the device of the images.
        num_samples: how many images of a split are scored at most.
    """

    def __init__(self, scorer: Scorer, num_samples: int) -> None:
        self.scorer, self.num_samples = scorer, num_samples
        self.files: dict[str, FeatureFile] = {}

    def scored(self, trainer: Trainer, split: str, batch: Any, batch_idx: int, images: Tensor) -> Scored:
        """Return the features and logits of real images, on the model's device.

        Args:
            trainer: evaluates a model.
            split: whose images they are: `val`, `test` or REFERENCE.
            batch: what the loader gave, with number `batch_idx`.
            batch_idx: see there.
            images: [N, C, H, W] in [-1, 1]: those of the batch that are scored, or as many of REFERENCE for them.
        """
        file = self.file(trainer, split, len(images_of(batch))) if isinstance(batch, Scaled) else None
        return self.ask(trainer, file, batch_idx, images)

    def ask(self, trainer: Trainer, file: "FeatureFile | None", batch_idx: int, images: Tensor) -> Scored:
        """Return the features and logits of a batch of a file, on the model's device."""
        device = trainer.lightning_module.device
        scored = file.get(batch_idx, len(images)) if file else None
        if scored is None:
            scored = self.scorer(images.to(device))
            if file:
                file.add(batch_idx, scored)
        return Scored(*(part.to(device) for part in scored))  # a file is read to the CPU

    def file(
        self, trainer: Trainer, split: str, batch_size: int, num_samples: int | None = None
    ) -> "FeatureFile | None":
        """Return the file of a split, read at the first batch; None for a split that the data module does not have.

        Of no more than `num_samples` images, the cache's own by default.
        """
        images = split_of(trainer, split)
        if split not in self.files and images is not None:
            model = trainer.lightning_module  # bfloat16 rounds what the scorer sees, a device its products
            most = self.num_samples if num_samples is None else num_samples
            share: list[int | str] = [trainer.global_rank, trainer.world_size, batch_size, most]
            share += [str(model.dtype), model.device.type]
            if split == REFERENCE:  # whose images are as many as those of the test
                share.append(len(trainer.datamodule.splits["test"].images))  # type: ignore[attr-defined]
            self.files[split] = FeatureFile(images.images, self.scorer, share)
        return self.files.get(split)

    def save(self) -> None:
        """Write what is new, for the next run."""
        for file in self.files.values():
            file.save()


class FeatureFile:
    """Features and logits of the batches of one split, in a file.

    The file's name follows from every byte of the images and of the scorer's weights and from how the images are cut
    into batches, so that features are never those of another image. It lies in `$XDG_CACHE_HOME/ganzoo`, by default
    `~/.cache/ganzoo`, and may be deleted at any time. A file that is damaged, or holds what this scorer cannot have
    computed, is not used, and a line of the log says so.

    Args:
        images: the split, uint8 [N, C, H, W].
        scorer: who is asked.
        share: what else decides on a batch and the features of it: the rank of this process, the dtype, ...
    """

    def __init__(self, images: Tensor, scorer: Scorer, share: Sequence[int | str]) -> None:
        digest = hashlib.sha256(repr((*images.shape, *share, scorer.image_shape)).encode())
        for part in (*images.split(1000), *scorer.state_dict().values()):
            digest.update(part.cpu().contiguous().numpy())
        folder = cache_folder()
        self.path = folder / f"{digest.hexdigest()}.answers" if folder else None
        self.widths = {"features": scorer.num_features, "logits": scorer.num_classes}
        self.most = len(images) * (4 * sum(self.widths.values()) + HEADER_BYTES) + HEADER_BYTES
        self.cached = self.read()
        self.is_new = False

    def read(self) -> dict[str, Tensor]:
        """Return what the file holds, nothing if it is not there or anything is wrong with it."""
        try:
            cached = load(bytes(read_checked(self.path, self.most))) if self.path else {}
            for name, part in cached.items():
                if part.dtype != torch.float32 or part.shape[1:] != (self.widths.get(name.split(".")[0]),):
                    raise ValueError(f"{name}: {part.dtype} {tuple(part.shape)}")
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, SafetensorError) as error:
            log.warning("%s: not used, the scorer is asked again (%s)", self.path, " ".join(str(error).split()))
            return {}
        return cached

    def get(self, batch_idx: int, rows: int) -> Scored | None:
        """Return features and logits of a batch of that many images, None if they are not known."""
        features, logits = self.cached.get(f"features.{batch_idx}"), self.cached.get(f"logits.{batch_idx}")
        known = features is not None and logits is not None and len(features) == len(logits) == rows
        return Scored(features, logits) if known else None  # type: ignore[arg-type]

    def add(self, batch_idx: int, scored: Scored) -> None:
        """Add the features of a batch."""
        new = {f"features.{batch_idx}": scored.features.clone(), f"logits.{batch_idx}": scored.logits.clone()}
        self.cached |= new
        self.is_new = True

    def save(self) -> None:
        """Write what is new."""
        if not self.is_new or self.path is None:
            return
        self.is_new = False
        try:
            write_checked(self.path, [save({name: part.cpu().contiguous() for name, part in self.cached.items()})])
        except OSError as error:
            log.info("%s: %s; the next run will ask the scorer again", self.path.parent, error.strerror)


def split_of(trainer: Trainer, split: str) -> Any:
    """Return (images uint8 [N, C, H, W], labels int64 [N]) of the data module's split of that name; None without.

    REFERENCE are training images, unused ones if there are any.
    """
    splits = getattr(getattr(trainer, "datamodule", None), "splits", {})
    return splits.get("unused", splits.get("train")) if split == REFERENCE else splits.get(split)
