"""Random numbers that are a function of what they are for: no draw depends on how long the process has lived."""

import os
from zlib import crc32

import numpy as np
import torch


def run_seed() -> int:
    """Return the seed given to `seed_everything`, which Lightning hands to the processes it starts; 0 without one."""
    return int(os.environ.get("PL_GLOBAL_SEED", 0))


def derive_seed(purpose: str, *key: int) -> int:
    """Return 64 well-mixed bits that are a function of `key`, and differ from those for any other purpose."""
    return int(np.random.SeedSequence((crc32(purpose.encode()), *key)).generate_state(1, np.uint64)[0])


def seeded(purpose: str, *key: int) -> torch.Generator:
    """Return a CPU generator that is a function of `purpose` and `key`."""
    return torch.Generator().manual_seed(derive_seed(purpose, *key))


def seed_draws(device: torch.device, purpose: str, *key: int) -> None:
    """Make the coming draws of torch's own generators, the CPU's and the device's, a function of the arguments.

    `torch.manual_seed` would seed every kind of accelerator that torch knows; where one is absent it keeps a formatted
    stack trace for later instead, 1 ms a call.
    """
    seed = derive_seed(purpose, *key)
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
