"""A small classifier to score images with; `ganzoo scorer` trains it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from zoo.engine.randomness import run_seed, seeded


class Scored(NamedTuple):
    """A classifier's outputs on N images: features, float [N, F], and logits, float [N, K], before any softmax."""

    features: Tensor
    logits: Tensor


class Classifier(LightningModule):
    """A convolutional network that ends in a mean over positions: features [N, F], and one linear layer on them.

    Each stage halves height and width by a convolution of stride 2 and follows it by one of stride 1, both 3x3 with
    batch norm and ReLU; its width is twice the last one's, up to `max_width`. Training images are turned, shifted and
    scaled at random, never mirrored: that is for the data module to do, where a mirrored image is still of its class.

    Args:
        image_shape: (C, H, W); other sizes pass too, they were not trained on.
        num_classes: K.
        width: channels before the first stage.
        max_width: no stage has more channels; F is the last stage's.
        stages: how often height and width are halved.
        lr: the highest learning rate; it climbs to it and falls to nothing along a cosine (one cycle, Adam).
        max_turn: degrees, either way.
        max_shift: share of the image's height or width, either way.
        max_scale: share of the size, larger or smaller.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        num_classes: int = 10,
        width: int = 16,
        max_width: int = 64,
        stages: int = 2,
        lr: float = 5e-3,
        max_turn: float = 10.0,
        max_shift: float = 0.08,
        max_scale: float = 0.1,
    ) -> None:
        super().__init__()
        if min(num_classes, width, max_width, stages) < 1:
            raise ValueError("num_classes, width, max_width and stages must be at least 1")
        image_shape = list(image_shape)
        self.save_hyperparameters()
        self.image_shape, self.num_classes, self.lr = tuple(image_shape), num_classes, lr
        self.augmentation = math.radians(max_turn), 2 * max_shift, max_scale  # grid_sample's image is 2 wide
        channels = width
        layers = convolution(image_shape[0], channels)
        for _ in range(stages):
            wider = min(2 * channels, max_width)
            layers += convolution(channels, wider, stride=2) + convolution(wider, wider)
            channels = wider
        self.num_features = channels
        self.body, self.head = nn.Sequential(*layers), nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Scored:
        """Map images [N, C, H, W] in [-1, 1] to (features [N, F], logits [N, K])."""
        features = self.body(images).mean(dim=(2, 3))
        return Scored(features, self.head(features))

    def training_step(self, batch: Sequence[Tensor], batch_idx: int) -> Tensor:
        """Compute the cross entropy of the batch's distorted images."""
        images, labels = batch[0], batch[1]
        generator = seeded("distort", run_seed(), self.global_rank, self.global_step)
        images = distorted(images, generator, *self.augmentation)
        loss = F.cross_entropy(self(images).logits, labels)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Sequence[Tensor], batch_idx: int) -> None:
        """Log `val/accuracy`, or `test/accuracy` in a test: the share of right answers."""
        right = (self(batch[0]).logits.argmax(dim=1) == batch[1]).float().mean()
        stage = "test" if self.trainer.testing else "val"
        self.log(f"{stage}/accuracy", right, batch_size=len(batch[0]), on_epoch=True, sync_dist=True)

    test_step = validation_step

    def configure_optimizers(self) -> Any:
        """Build Adam, along one cycle that ends with the run."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=self.lr, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the model, so that no other is built from its checkpoint."""
        checkpoint["model_class"] = type(self).__name__


def convolution(channels: int, wider: int, stride: int = 1) -> list[nn.Module]:
    """Build a 3x3 convolution, batch norm, ReLU."""
    return [nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False), nn.BatchNorm2d(wider), nn.ReLU()]


def distorted(images: Tensor, generator: torch.Generator, turn: float, shift: float, scale: float) -> Tensor:
    """Distort images [N, C, H, W]: each turned by up to `turn` radians, scaled by up to a share, shifted (width = 2).

    What comes in from outside of the image repeats its border.
    """
    draw = (torch.rand(4, len(images), generator=generator) * 2 - 1).to(images)
    angle, zoom = draw[0] * turn, 1 + draw[1] * scale
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    affine = torch.stack([cos, -sin, draw[2] * shift, sin, cos, draw[3] * shift], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(affine, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
