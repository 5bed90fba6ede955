"""The zoo: every model by name."""

from zoo.deligan import DeLiGAN
from zoo.gan import GAN
from zoo.hub.loading import load
from zoo.wgan import WGAN
from zoo.wgan_gp import WGANGP

__all__ = ["GAN", "WGAN", "WGANGP", "DeLiGAN", "load"]
