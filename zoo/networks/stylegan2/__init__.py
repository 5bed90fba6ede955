"""StyleGAN2's networks (arXiv:1912.04958), in the configurations of StyleGAN2-ADA (arXiv:2006.06676)."""

from zoo.networks.pair import Pair, Tiny
from zoo.networks.stylegan2.critic import StyleGAN2Critic
from zoo.networks.stylegan2.generator import StyleGAN2Generator

SMALL = {"channel_base": 32, "channel_max": 6}
PAIR = Pair(StyleGAN2Generator, StyleGAN2Critic, Tiny(4, (1, 8, 8), SMALL | {"w_dim": 5}, SMALL | {"group": 2}))

__all__ = ["PAIR", "StyleGAN2Critic", "StyleGAN2Generator"]
