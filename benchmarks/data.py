"""A recipe's model, and its images as the rivals of benchmarks/loops.py get them."""

from collections.abc import Iterator
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

import datamodules
import zoo
from commands import recipes
from datamodules.images import default_data_dir
from zoo import GAN


def parts(recipe: str) -> tuple[GAN, Any]:
    """Return a recipe's model, with the weights of seed 0, and its data module, ready for training."""
    given = yaml.safe_load(recipes.find(recipe).read_text())
    data = getattr(datamodules, given["data"]["class_path"].split(".")[-1])(**given["data"].get("init_args", {}))
    data.setup()
    torch.manual_seed(0)
    arguments = given["model"].get("init_args", {})
    return getattr(zoo, given["model"]["class_path"].split(".")[-1])(image_shape=data.image_shape, **arguments), data


def tutorial_loader(data: Any) -> Iterator[Tensor]:
    """Yield batches for ever, as tutorials make them: an image file or a PIL image at a time, in this process."""
    scale = [transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
    source: Any
    if data.image_shape[0] == 1:
        source = datasets.MNIST(default_data_dir(), transform=transforms.Compose(scale))
    else:
        size = [transforms.Resize(data.image_shape[1:]), transforms.RandomHorizontalFlip()]
        folder = f"{default_data_dir()}/flower_photos"
        source = datasets.ImageFolder(folder, transform=transforms.Compose([*size, *scale]))
    loader = DataLoader(source, batch_size=data.batch_size, shuffle=True, drop_last=True)
    while True:
        yield from (images for images, _ in loader)


def bytes_to_steps(images: Tensor, size: int, flip: bool) -> Iterator[Tensor]:
    """Yield the images of a step, in [-1, 1], epoch after epoch, half of them mirrored if asked for."""
    while True:
        for index in torch.randperm(len(images)).split(size)[: len(images) // size]:
            step = images[index.to(images.device)].float().div_(127.5).sub_(1)
            if flip:
                mirrored = torch.rand(len(step), 1, 1, 1, device=images.device) < 0.5
                step = torch.where(mirrored, step.flip(-1), step)
            yield step
