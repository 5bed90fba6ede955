"""Models as they are after training, and bundles of them."""

import torch

from helpers.models import build
from zoo.hub import bundle
from zoo.hub.seeds import SeedSampler


def trained(cls, average=True, **options):
    """A model whose numbers are all its own: statistics moved, steps counted, an average unlike its generator."""
    model = build(cls, **options)
    if average:
        model.averaged = model.new_average()
        model.averaged.updates = 7
    with torch.no_grad():
        for each in model.state_dict().values():
            if not isinstance(each, torch.Tensor):  # an average's counts
                continue
            if each.is_floating_point():
                each.add_(torch.rand_like(each) * 0.1)
            else:
                each.add_(3)
    model.trained_steps = 12
    return model.eval()


def lively(cls, **options):
    """A model whose images follow from latents and labels, which first weights may not show."""
    model = build(cls, **options)
    with torch.no_grad():
        for each in model.parameters():
            each.add_(torch.randn_like(each) * 0.1)
    return model.eval()


def sampler_of(model):
    return SeedSampler(model.averaged_sampler, model.sampling, model.image_shape)


def still_sampler(cls):
    """A sampler of a model that draws no noise of its own for each image."""
    sampler = sampler_of(lively(cls))
    if "noise" in sampler.sampler.of_generator:
        sampler.sampling["noise"] = "const"
    return sampler


def write(model, folder, **options):
    """The model's bundle."""
    bundle.write(bundle.saved_of(model), sampler_of(model), folder, **options)
    return folder


def images(sampler, seeds=(0, 1, 5)):
    """Make the images of those seeds, [N, C, H, W]."""
    return torch.stack([sampler.make(seed).image for seed in seeds])
