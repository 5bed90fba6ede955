"""The zoo: every model by name."""

from zoo.acgan import ACGAN
from zoo.began import BEGAN
from zoo.biggan import BigGAN
from zoo.deligan import DeLiGAN
from zoo.gan import GAN
from zoo.hub.loading import load
from zoo.infogan import InfoGAN
from zoo.lsgan import LSGAN
from zoo.projection_gan import ProjectionGAN
from zoo.r3gan import R3GAN
from zoo.sagan import SAGAN
from zoo.sngan import SNGAN
from zoo.wgan import WGAN
from zoo.wgan_gp import WGANGP

__all__ = [
    "ACGAN", "BEGAN", "GAN", "LSGAN", "R3GAN", "SAGAN", "SNGAN", "WGAN", "WGANGP", "BigGAN", "DeLiGAN", "InfoGAN",
    "ProjectionGAN", "load",
]  # fmt: skip
