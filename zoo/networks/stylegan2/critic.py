"""StyleGAN2's critic: blocks that halve the sides, the deviation within groups of samples, two linear layers."""

from math import sqrt
from typing import Literal

from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.labels import require_labels
from zoo.networks.minibatch_deviation import MinibatchDeviation
from zoo.networks.resampling import Downsample
from zoo.networks.sides import halved
from zoo.networks.stylegan2.generator import channels_at
from zoo.networks.stylegan2.layers import ScaledConv2d, ScaledLinear, Shortcut
from zoo.networks.stylegan2.mapping import LabelledMapping

LABEL_LAYERS = 8  # of the labels' mapping, however many the generator's has


class HalvingBlock(nn.Module):
    """Two 3x3 convolutions, the second of which halves the sides; `resnet` adds a shortcut.

    Args:
        inputs: channels.
        outputs: channels.
        image_channels: C of the image that is looked at first, by a 1x1; None looks at none.
        is_residual: whether the input is added.
    """

    def __init__(self, inputs: int, outputs: int, image_channels: int | None, is_residual: bool) -> None:
        super().__init__()
        gain = sqrt(0.5) if is_residual else 1.0
        self.from_image = None if image_channels is None else ScaledConv2d(image_channels, inputs, 1)
        self.conv1 = ScaledConv2d(inputs, inputs, 3)
        self.conv2 = ScaledConv2d(inputs, outputs, 3, down=True, gain=gain)
        self.shortcut = Shortcut(inputs, outputs, gain=gain) if is_residual else None

    def forward(self, features: Tensor | None, image: Tensor) -> Tensor:
        """Map features [N, inputs, H, W], if there are any, and an image to [N, outputs, H / 2, W / 2]."""
        features = looked_at(self.from_image, features, image)
        hidden: Tensor = self.conv2(self.conv1(features))
        return hidden if self.shortcut is None else self.shortcut(features) + hidden


def looked_at(from_image: nn.Module | None, features: Tensor | None, image: Tensor) -> Tensor:
    """Return the features, plus what the 1x1 makes of the image where there is one."""
    if from_image is None:
        assert features is not None
        return features
    seen: Tensor = from_image(image)
    return seen if features is None else features + seen


class StyleGAN2Critic(Critic):
    """Blocks down to 4x4, minibatch deviation, 3x3, linear with activation, linear.

    Args:
        image_shape: (C, H, W).
        channel_base: see `channels_at`.
        channel_max: see `channels_at`.
        architecture: `resnet`, `orig`, or `skip`: every block sees the image at its size.
        group: of the deviation; 4, 32 for CIFAR-10.
        num_classes: of the labels, onto whose mapping the features are projected; None has no labels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        channel_base: int = 16384,
        channel_max: int = 512,
        architecture: Literal["resnet", "orig", "skip"] = "resnet",
        group: int = 4,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        rows, columns, halvings = halved(image_shape, above=4)
        is_skip, self.num_labels = architecture == "skip", num_classes
        widths = [channels_at(rows * 2**block, channel_base, channel_max) for block in range(halvings, -1, -1)]
        last = self.num_features = widths[-1]
        self.blocks = nn.ModuleList(
            HalvingBlock(
                widths[block],
                widths[block + 1],
                image_shape[0] if is_skip or block == 0 else None,
                architecture == "resnet",
            )
            for block in range(halvings)
        )
        self.halve = Downsample() if is_skip else None
        looks = is_skip or not halvings
        self.from_image = ScaledConv2d(image_shape[0], last, 1) if looks else None
        self.end = nn.Sequential(
            MinibatchDeviation(group),
            ScaledConv2d(last + 1, last, 3),
            nn.Flatten(),
            ScaledLinear(last * rows * columns, last, active=True),
        )
        self.output = ScaledLinear(last, 1 if num_classes is None else last)
        self.mapping = None if num_classes is None else LabelledMapping(0, last, LABEL_LAYERS, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        hidden: Tensor | None = None
        for block in self.blocks:
            hidden = block(hidden, images)
            if self.halve is not None:
                images = self.halve(images)
        features: Tensor = self.end(looked_at(self.from_image, hidden, images))
        return features

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels [N] to outputs [N]; without classes labels are ignored."""
        outputs: Tensor = self.output(features)
        if self.mapping is None or self.num_labels is None:
            return outputs.squeeze(1)
        mapped = self.mapping(None, require_labels(labels, self.num_labels))
        projection: Tensor = (outputs * mapped).sum(1) / sqrt(mapped.shape[1])
        return projection
