"""A checkpoint's file, read as data: bounded in size, without code, and refused in one line where it is none."""

import math
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version
from torch import Tensor

from zoo.engine.errors import CheckpointError
from zoo.files.regular_files import open_regular

#: Bytes that a file may hold beside its tensors, and values that its dictionaries and lists may hold in all.
MAX_BYTES, MAX_VALUES = 2**26, 200_000
#: What a checkpoint of this zoo must have at its top, and of which type.
REQUIRED = {"hyper_parameters": dict, "model_class": str, "global_step": int, "state_dict": dict, "schedule": dict}
OPTIONAL = {"optimizer_states": list, "lr_schedulers": list, "loops": dict, "callbacks": dict}


def read_file(path: Path) -> dict[str, Any]:
    """Return the dictionary in a file that `torch.save` wrote; its tensors stay on disk until they are looked at.

    Nothing in it may be packed, so that a small file stays small in memory. Raises CheckpointError for what is no such
    file, or is made to do harm; no code in it is run.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            size, members = os.fstat(file.fileno()).st_size, archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        reason = "empty" if path.is_file() and not path.stat().st_size else getattr(error, "strerror", None)
        raise CheckpointError(f"{path} is no checkpoint of this zoo ({reason or type(error).__name__})") from error
    if any(each.compress_type != zipfile.ZIP_STORED or each.file_size != each.compress_size for each in members):
        raise CheckpointError(f"{path} is no checkpoint of this zoo: what it holds is packed")
    records = sum(member.file_size for member in members if not is_storage(member.filename))
    if records > MAX_BYTES or sum(member.file_size for member in members) > size:
        raise CheckpointError(f"{path} is no checkpoint of this zoo: it claims to hold more than its own size")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of kinds of tensors that are refused below
            saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises half a dozen kinds, with pages of advice
        raise CheckpointError(f"{path} is no checkpoint of this zoo ({type(error).__name__})") from error
    check_values(saved, str(path))
    if not isinstance(saved, dict):
        raise CheckpointError(f"{path} is no checkpoint of this zoo: it holds a {type(saved).__name__}")
    return saved


def is_storage(name: str) -> bool:
    """Return whether a member of torch's file holds a tensor's numbers."""
    return Path(name).parent.name == "data"


def check_values(saved: Any, name: str) -> None:
    """Raise CheckpointError unless all is made of dictionaries, lists, plain values and tensors, and of few of them.

    A list that holds another many times over is small in a file and endless for who walks through it.
    """
    waiting, seen = [(saved, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > MAX_VALUES or depth > 32:
            raise CheckpointError(f"{name} is no checkpoint of this zoo: it holds too many values")
        if isinstance(value, Tensor):
            check_tensor(value, name)
        elif isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list | tuple | set):
            waiting += [(each, depth + 1) for each in value]
        elif value is not None and not isinstance(value, bool | int | float | str | torch.dtype | torch.device):
            raise CheckpointError(f"{name} is no checkpoint of this zoo: it holds a {type(value).__name__}")


def check_tensor(tensor: Tensor, name: str) -> None:
    """Raise CheckpointError for a tensor that is not dense numbers of its own, each in one place."""
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.layout == torch.strided
    if not plain or tensor.is_quantized or tensor.is_complex() or tensor.device.type != "cpu":
        raise CheckpointError(f"{name} is no checkpoint of this zoo: it holds a tensor that is not plain numbers")
    reach = 0  # of the numbers along the axes so far
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride <= reach:
            raise CheckpointError(f"{name} is no checkpoint of this zoo: a tensor's numbers share their place")
        reach += stride * (size - 1)


def check_top(saved: dict[str, Any], name: str) -> None:
    """Raise CheckpointError unless the parts of a checkpoint are there, each of its type."""
    if missing := sorted(REQUIRED.keys() - saved.keys()):
        raise CheckpointError(f"{name} is no checkpoint of this zoo: it has no {', '.join(missing)}")
    for key, kind in (REQUIRED | OPTIONAL).items():
        if key in saved and (not isinstance(saved[key], kind) or isinstance(saved[key], bool)):
            raise CheckpointError(f"{name}: {key} is a {type(saved[key]).__name__}, not a {kind.__name__}")
    if not 0 <= saved["global_step"] < 2**53:
        raise CheckpointError(f"{name}: global_step is {saved['global_step']}")
    if not all(isinstance(key, str) for key in [*saved, *saved["hyper_parameters"], *saved["state_dict"]]):
        raise CheckpointError(f"{name} is no checkpoint of this zoo: not all of its names are text")
    try:
        Version(saved.get("pytorch-lightning_version", "2.6"))
    except (InvalidVersion, TypeError) as error:
        raise CheckpointError(f"{name}: pytorch-lightning_version is no version") from error


def is_finite(value: Any) -> bool:
    """Return whether a number is, or all of a tensor's are."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or bool(value.isfinite().all())
    return not isinstance(value, float) or math.isfinite(value)
