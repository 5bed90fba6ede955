"""The picture that goes with a bundle."""

import torch
from PIL import Image

from zoo.hub.pictures import are_pictures, grid_picture, points_picture
from zoo.hub.seeds import SeedSampler

#: Images without labels, and of those larger than SMALL pixels; rows at most, and images in a row, with labels; points.
IMAGES, FEW, ROWS, COLUMNS, POINTS = 64, 16, 16, 8, 1000
SMALL = 64 * 64


def samples_picture(sampler: SeedSampler) -> Image.Image:
    """Return the images of the first seeds; with labels a row for each, in which a column has one seed."""
    if not are_pictures(sampler.image_shape):
        return points_picture(torch.stack([sampler.make(seed).image for seed in range(POINTS)]))
    if sampler.num_labels is None:
        count = IMAGES if sampler.image_shape[1] * sampler.image_shape[2] <= SMALL else FEW
        return grid_picture(torch.stack([sampler.make(seed).image for seed in range(count)]))
    rows = range(min(sampler.num_labels, ROWS))
    images = [sampler.make(seed, label).image for label in rows for seed in range(COLUMNS)]
    return grid_picture(torch.stack(images), columns=COLUMNS)
