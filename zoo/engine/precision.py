"""Precision on a CPU: float32 products that are faster, and a check for bfloat16 that is slower."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

TOLERANCE = 1e-6
"""Of a float32 product of 1,024 terms, relative; torch's own is at 3e-7, one in bfloat16 at 3e-3."""


def allow_onednn_float32() -> bool:
    """Let oneDNN take the CPU's float32 matrix products, if on this CPU they stay float32; return whether they do.

    torch's "medium" precision is a permission to compute in bfloat16 that CPUs without AMX make no use of. There,
    oneDNN's float32 kernels may be faster than those of torch's default library, which has no AVX-512 on AMD. Where a
    product comes out less exact than float32, everything is left as it was. Not for runs on a GPU, which would take
    the permission.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    if product_error() > TOLERANCE:
        torch.set_float32_matmul_precision(before)
        return False
    return True


@contextmanager
def restore_matmul_precision() -> Iterator[None]:
    """Restore, at the end, the precision that float32 products had at the beginning."""
    before = torch.get_float32_matmul_precision()
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def product_error() -> float:
    """Compute the relative error of a float32 product of [64, 1024] by [1024, 256] on the CPU, against float64."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(64, 1024, generator=generator), torch.randn(1024, 256, generator=generator)
    exact = left.double() @ right.double()
    return float((left @ right - exact).norm() / exact.norm())


def is_imitated(precision: str) -> bool:
    """Return whether Trainer's `precision` is bfloat16, for which this CPU has no instructions: it is slower then."""
    if not precision.startswith("bf16"):
        return False
    return not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
