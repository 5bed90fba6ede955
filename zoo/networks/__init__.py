"""Generators and critics, and the table of their pairs by name.

A generator maps latents [N, D] to images [N, C, H, W] in [-1, 1]; a critic maps images to [N]. Both are built from
(latent_dim and) image_shape and plain options, for any image shape that their paper's geometry can make.
"""

from zoo.engine.building import build, build_named
from zoo.networks import (
    began,
    biggan,
    cgan,
    dcgan,
    deligan_cifar,
    deligan_conv,
    deligan_sketches,
    ebgan,
    infogan,
    keras_conv,
    matlab_conv,
    mlp,
    r3gan,
    resnet,
    sagan,
    small_conv,
    stylegan2,
    toy,
    wgan_gp_resnet,
)
from zoo.networks.pair import Pair, Tiny
from zoo.networks.traits import count_parameters, is_random, mixes_samples

NETWORKS: dict[str, Pair] = {
    "mlp": mlp.PAIR,
    "keras_conv": keras_conv.PAIR,
    "matlab_conv": matlab_conv.PAIR,
    "deligan_conv": deligan_conv.PAIR,
    "deligan_cifar": deligan_cifar.PAIR,
    "deligan_sketches": deligan_sketches.PAIR,
    "sngan_resnet": resnet.PAIR,
    "sagan": sagan.PAIR,
    "biggan": biggan.PAIR,
    "wgan_gp_resnet": wgan_gp_resnet.PAIR,
    "small_conv": small_conv.PAIR,
    "r3gan": r3gan.PAIR,
    "stylegan2": stylegan2.PAIR,
    "dcgan": dcgan.PAIR,
    "infogan": infogan.PAIR,
    "cgan": cgan.PAIR,
    "began": began.PAIR,
    "ebgan": ebgan.PAIR,
    "toy": toy.PAIR,
    "toy_plus": toy.PLUS,
    "toy_moe": toy.MOE,
    "toy_ensemble": toy.ENSEMBLE,
}

__all__ = ["NETWORKS", "Pair", "Tiny", "build", "build_named", "count_parameters", "is_random", "mixes_samples"]
