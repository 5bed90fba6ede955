"""WGAN-GP's residual networks for 32x32 (arXiv:1704.00028), as mimicry has them: SNGAN's without spectral norm."""

from torch import Tensor, nn
from torch.nn.functional import relu

from zoo.networks.pair import Pair
from zoo.networks.resnet import TINY, ResNetCritic, ResNetGenerator


class PlainConv2d(nn.Conv2d):
    """A convolution, padded by half of its odd kernel."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)


class PlainResNetCritic(ResNetCritic):
    """SNGAN's critic without any norm, and with the mean over pixels: for WGAN-GP, as mimicry has it for 32x32."""

    conv, linear, embed = PlainConv2d, nn.Linear, nn.Embedding

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        return relu(self.blocks(images)).mean((2, 3))


PAIR = Pair(ResNetGenerator, PlainResNetCritic, TINY)
