"""InfoGAN's networks for MNIST (arXiv:1606.03657, Appendix C.1, as in the authors' code).

Leaky ReLUs have slope 0.01, weights start from N(0, 0.02^2), those of the critic's convolutions cut at two standard
deviations. The authors' generator ends in a sigmoid; here images are in [-1, 1], and it is a tanh.
"""

from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.labels import join_labels
from zoo.networks.layers import normal_, tf_batch_norm, truncated_normal_
from zoo.networks.pair import Pair, Tiny


class InfoGANGenerator(nn.Module):
    """Linear to 1024, linear to a quarter of the sides, transposed 4x4 twice; batch norm and ReLU between; tanh.

    The second batch norm is over all features, not over channels.

    Args:
        latent_dim: D of the latents [N, D], noise and codes; the source's is 62 + 10 + 2.
        image_shape: (C, H, W), H and W multiples of 4.
        hidden: width of the first layer.
        widths: channels at a quarter and at half of the sides.
        num_classes: of labels that join the latents one-hot; None has none.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        hidden: int = 1024,
        widths: tuple[int, int] = (128, 64),
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"infogan makes images whose sides are multiples of 4, not {height}x{width}")
        self.num_labels = num_classes
        first, second = widths
        rows, columns = height // 4, width // 4
        self.body = nn.Sequential(
            nn.Linear(latent_dim + (num_classes or 0), hidden),
            tf_batch_norm(hidden, dim=1),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, first * rows * columns),
            tf_batch_norm(first * rows * columns, dim=1),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (first, rows, columns)),
            nn.ConvTranspose2d(first, second, 4, stride=2, padding=1),
            tf_batch_norm(second),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(second, channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )
        normal_(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        images: Tensor = self.body(join_labels(latents, labels, self.num_labels))
        return images


class InfoGANCritic(Critic):
    """Convolutions 4x4 at stride 2, twice, linear to the features; batch norm from the second on; one output.

    Batch norm sees real images and fakes in passes of their own.

    Args:
        image_shape: (C, H, W), H and W multiples of 4.
        widths: channels at half and at a quarter of the sides.
        hidden: features; Q and other heads stand on them.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], *, widths: tuple[int, int] = (64, 128), hidden: int = 1024
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"infogan looks at images whose sides are multiples of 4, not {height}x{width}")
        self.num_features = hidden
        first, second = widths
        self.trunk = nn.Sequential(
            nn.Conv2d(channels, first, 4, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            tf_batch_norm(second),
            nn.LeakyReLU(0.01),
            nn.Flatten(),
            nn.Linear(second * (height // 4) * (width // 4), hidden),
            tf_batch_norm(hidden, dim=1),
            nn.LeakyReLU(0.01),
        )
        self.output = nn.Linear(hidden, 1)
        normal_(self)
        truncated_normal_(self)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, hidden]."""
        features: Tensor = self.trunk(images)
        return features

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, hidden] to outputs [N]; labels are ignored."""
        outputs: Tensor = self.output(features).squeeze(1)
        return outputs


PAIR = Pair(
    InfoGANGenerator,
    InfoGANCritic,
    Tiny(16, (1, 8, 8), {"hidden": 8, "widths": [4, 3]}, {"hidden": 8, "widths": [3, 4]}),
)
