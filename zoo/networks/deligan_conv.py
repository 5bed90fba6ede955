"""The convolutional pair of DeLiGAN's dg_mnist.py (arXiv:1706.02071), for 28x28 and other multiples of 4."""

from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.layers import SameConv2d, SameConvTranspose2d, tf_batch_norm, truncated_normal_, unit_scaling_
from zoo.networks.minibatch import MinibatchDiscrimination
from zoo.networks.pair import Pair, Tiny


class DeLiGANConvGenerator(nn.Module):
    """Dense to 4x4, then transposed convolutions 3x3 to 7x7, 5x5 to 14x14, 5x5 to 28x28; batch norm, ReLU; tanh.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 30.
        image_shape: (C, H, W), H and W multiples of 4; it starts from an eighth of them, rounded up.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"deligan_conv makes images whose sides are multiples of 4, not {height}x{width}")
        rows, columns = -(-height // 8), -(-width // 8)
        self.body = nn.Sequential(
            nn.Linear(latent_dim, 64 * rows * columns),
            tf_batch_norm(64 * rows * columns, dim=1),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (64, rows, columns)),
            SameConvTranspose2d(64, 32, 3, stride=2, output_size=(height // 4, width // 4)),
            tf_batch_norm(32),
            nn.ReLU(inplace=True),
            SameConvTranspose2d(32, 16, 5, stride=2),
            tf_batch_norm(16),
            nn.ReLU(inplace=True),
            SameConvTranspose2d(16, channels, 5, stride=2),
            nn.Tanh(),
        )
        unit_scaling_(self)
        truncated_normal_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class DeLiGANConvCritic(SequentialCritic):
    """Convolutions 16, 32, 64 at stride 2, leaky ReLU 0.2; maximum of each map; minibatch discrimination; linear.

    Batch norm is in the second and third block. The source's 4x4 maximum is over the whole map of 28x28 images, and
    here it is over the whole map of any.

    Args:
        image_shape: (C, H, W).
    """

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.num_features = 128
        self.body = nn.Sequential(
            SameConv2d(image_shape[0], 16, 5, stride=2),
            nn.LeakyReLU(0.2, inplace=True),
            SameConv2d(16, 32, 5, stride=2),
            tf_batch_norm(32, eps=1e-3, gamma_std=0.0),
            nn.LeakyReLU(0.2, inplace=True),
            SameConv2d(32, 64, 3, stride=2),
            tf_batch_norm(64, eps=1e-3, gamma_std=0.0),
            nn.LeakyReLU(0.2, inplace=True),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            MinibatchDiscrimination(64, kernels=64, dim=5),
            output := nn.Linear(self.num_features, 1),
        )
        truncated_normal_(self)
        nn.init.normal_(output.weight, std=0.02)
        nn.init.zeros_(output.bias)


PAIR = Pair(DeLiGANConvGenerator, DeLiGANConvCritic, Tiny(image_shape=(1, 8, 8)))
