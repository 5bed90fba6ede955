"""Networks by their pair's name."""

from zoo.networks import NETWORKS, build

POINT, DIGIT, FLOWER = (2, 1, 1), (1, 28, 28), (3, 64, 64)


def generator(network, latent_dim, image_shape, **options):
    return build(NETWORKS[network].generator, latent_dim, image_shape, options=options)


def critic(network, image_shape, **options):
    return build(NETWORKS[network].critic, image_shape, options=options)
