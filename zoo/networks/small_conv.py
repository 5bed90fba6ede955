"""A small convolutional pair for digits, ours: for objectives whose papers have no networks for 28x28."""

from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.labels import join_labels
from zoo.networks.pair import Pair, Tiny
from zoo.networks.projection import ProjectionCritic, label_embedding


class SmallConvGenerator(nn.Module):
    """Linear to a quarter of the sides, 3x3, transposed 4x4 to half, 3x3, 3x3 and pixel shuffle to the whole; tanh.

    Batch norm and ReLU follow every layer but the last.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W), H and W multiples of 4.
        widths: channels at a quarter and at half of the sides.
        num_classes: of the labels, which join the latents one-hot; None has no labels.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        widths: tuple[int, int] = (64, 32),
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"small_conv makes images whose sides are multiples of 4, not {height}x{width}")
        self.num_labels = num_classes
        first, second = widths
        rows, columns = height // 4, width // 4
        self.body = nn.Sequential(
            nn.Linear(latent_dim + (num_classes or 0), first * rows * columns, bias=False),
            nn.Unflatten(1, (first, rows, columns)),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, first, 3, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(first, second, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, second, 3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        images: Tensor = self.body(join_labels(latents, labels, self.num_labels))
        return images


class SmallConvCritic(ProjectionCritic):
    """Convolutions 4x4 at stride 2, twice, then 3x3; leaky ReLU 0.2 after each; linear. No norm: any penalty fits.

    Args:
        image_shape: (C, H, W) with sides of 4 or more.
        widths: channels at half, at a quarter of the sides, and of the features.
        num_classes: of the labels, for a projection onto their embedding; None has no labels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        widths: tuple[int, int, int] = (16, 32, 64),
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if min(height, width) < 4:
            raise ValueError(f"small_conv looks at images with sides of 4 or more, not {height}x{width}")
        self.num_labels = num_classes
        self.num_features = widths[2] * (height // 4) * (width // 4)
        layers: list[nn.Module] = []
        for (inputs, outputs), kernel in zip(pairwise((channels, *widths)), (4, 4, 3), strict=True):
            layers.append(nn.Conv2d(inputs, outputs, kernel, stride=2 if kernel == 4 else 1, padding=1))
            layers.append(nn.LeakyReLU(0.2))
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.output = nn.Linear(self.num_features, 1)
        self.embedding = label_embedding(num_classes, self.num_features)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        features: Tensor = self.body(images)
        return features


PAIR = Pair(SmallConvGenerator, SmallConvCritic, Tiny(4, (1, 8, 8), {"widths": [4, 3]}, {"widths": [3, 4, 5]}))
