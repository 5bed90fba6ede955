"""Networks by their pair's name."""

from zoo.networks import NETWORKS, build

SMALL = {  # networks that are too large for tests
    "r3gan": {"blocks": 1, "group_width": 2, "widths": [4, 4, 4]},
    "stylegan2": {"channel_max": 8},
}
POINT, DIGIT, FLOWER = (2, 1, 1), (1, 28, 28), (3, 64, 64)


def generator(network, latent_dim, image_shape, **options):
    return build(NETWORKS[network].generator, latent_dim, image_shape, options=SMALL.get(network, {}) | options)


def critic(network, image_shape, **options):
    return build(NETWORKS[network].critic, image_shape, options=SMALL.get(network, {}) | options)
