"""The convolutional pair of MathWorks' WGAN-GP example, for 64x64 flowers; no normalisation in the generator."""

from math import prod
from typing import Literal

from torch import Tensor, nn

from zoo.networks.critic import Critic, applied
from zoo.networks.layers import SameConv2d, SameConvTranspose2d, glorot_, layer_norm
from zoo.networks.pair import Pair, Tiny


class MatlabConvGenerator(nn.Module):
    """Dense to 4x4, 5x5 transposed convolution without cropping to 8x8, then three that double; ReLU between, tanh.

    Its text speaks of batch norm and of stride 2 everywhere; this is its code, which has neither, nor an activation
    after the dense layer. The first transposed convolution adds 4 pixels, hence the smallest side, 8 * (1 + 4).

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W), H and W multiples of 8 from 40 on.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 8 or width % 8 or min(height, width) < 40:
            raise ValueError(f"matlab_conv makes images with sides 40, 48, 56, 64, ..., not {height}x{width}")
        rows, columns = height // 8 - 4, width // 8 - 4
        self.body = nn.Sequential(
            nn.Linear(latent_dim, 512 * rows * columns),
            nn.Unflatten(1, (512, rows, columns)),
            nn.ConvTranspose2d(512, 256, 5),
            nn.ReLU(inplace=True),
            SameConvTranspose2d(256, 128, 5, stride=2),
            nn.ReLU(inplace=True),
            SameConvTranspose2d(128, 64, 5, stride=2),
            nn.ReLU(inplace=True),
            SameConvTranspose2d(64, channels, 5, stride=2),
            nn.Tanh(),
        )
        glorot_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class MatlabConvCritic(Critic):
    """Four 5x5 convolutions 64, 128, 256, 512 at stride 2, layer norm from the second on, leaky ReLU 0.2; to 1x1.

    The last convolution is as large as what it sees, 4x4 for 64x64 images.

    Args:
        image_shape: (C, H, W).
        norm: `layer` between convolution and activation, or `none`.
        output: `linear`, or the `sigmoid` of the example, which bounds its critic and so its Wasserstein estimate.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        norm: Literal["layer", "none"] = "layer",
        output: Literal["linear", "sigmoid"] = "linear",
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        blocks: list[nn.Module] = [SameConv2d(channels, 64, 5, stride=2), nn.LeakyReLU(0.2, inplace=True)]
        for inputs in (64, 128, 256):
            blocks += [SameConv2d(inputs, 2 * inputs, 5, stride=2)]
            blocks += [layer_norm(2 * inputs)] if norm == "layer" else []
            blocks += [nn.LeakyReLU(0.2, inplace=True)]
        self.last_shape = (512, -(-height // 16), -(-width // 16))
        self.num_features = prod(self.last_shape)
        self.body = nn.Sequential(
            *blocks,
            nn.Conv2d(512, 1, self.last_shape[1:]),
            nn.Sigmoid() if output == "sigmoid" else nn.Identity(),
            nn.Flatten(),
        )
        glorot_(self)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        *layers, _, _, _ = self.body  # convolution, sigmoid or nothing, flatten
        return applied(layers, images).flatten(1)

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] to outputs [N]; labels are ignored."""
        last = [*self.body][-3:]
        return applied(last, features.unflatten(1, self.last_shape)).squeeze(1)


PAIR = Pair(MatlabConvGenerator, MatlabConvCritic, Tiny(image_shape=(1, 40, 40)))
