"""A fingerprint of a run's training images: so that no other run goes on with other images."""

import inspect
import zlib
from typing import Any

import torch
from torch import Tensor

from datamodules.stored import StoredImages

# Where images lie and how they are fetched and served changes none of them.
IRRELEVANT = {"self", "data_dir", "folder", "num_workers", "predict_samples", "download", "check_md5", "kwargs"}
HASHED_BYTES = 2**26  # of the images; of larger data every n-th image is taken


def arguments_of(data: object) -> dict[str, Any]:
    """Return a data module's arguments that its images depend on, by name, as plain values."""
    # `vars`, since a class without a constructor of its own inherits one that is looked at anyhow
    makers = [vars(cls)["__init__"] for cls in type(data).__mro__ if "__init__" in vars(cls)]
    names = {name for maker in makers for name in inspect.signature(maker).parameters}
    found = {name: getattr(data, name) for name in sorted(names - IRRELEVANT) if hasattr(data, name)}
    return {name: plain(value) for name, value in found.items()}


def plain(value: Any) -> Any:
    """Return numbers, text, None and lists as they are, anything else as its text."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def checksum(images: Tensor | StoredImages, labels: Tensor) -> str:
    """Return 8 hexadecimal digits that change with images [N, C, H, W] and labels [N], wherever they lie."""
    count, each = len(images), max(images[torch.arange(min(len(images), 1))].nbytes, 1)
    few = torch.arange(0, count, max(-(-count * each // HASHED_BYTES), 1))
    crc = zlib.crc32(f"{tuple(images.shape)} {images.dtype}".encode())
    for part in few.split(max(2**22 // each, 1)):
        crc = zlib.crc32(images[part].cpu().contiguous().numpy().tobytes(), crc)
    return f"{zlib.crc32(labels.cpu().contiguous().numpy().tobytes(), crc):08x}"


def differences(saved: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return what two fingerprints say differently, a few words for each; what only one of them has does not count."""
    found = []
    for key in ours:
        if key not in saved or saved[key] == ours[key]:
            continue
        if isinstance(ours[key], dict) and isinstance(saved[key], dict):
            found += differences(saved[key], ours[key])
        elif key == "checksum":
            found.append("images are others (their checksum differs)")
        else:
            found.append(f"{key} is {saved[key]}, not {ours[key]}")
    return found
