"""Reference values of building blocks, made by the public implementations: $GANZOO_DATA/vectors/blocks.npz."""

import numpy as np
import pytest
import torch

from helpers.real_data import FOLDER


def _stored():
    path = FOLDER / "vectors" / "blocks.npz"
    if not path.is_file():
        pytest.skip("the reference values, vectors/blocks.npz, are not under $GANZOO_DATA")
    return np.load(path)


def reference(*names):
    """Load the tensors of these names, float32 weights as float64; skip the test where the file is absent."""
    with _stored() as stored:
        tensors = [torch.from_numpy(stored[name]) for name in names]
    tensors = [each.double() if each.is_floating_point() else each for each in tensors]
    return tensors[0] if len(names) == 1 else tensors


def names_with(prefix):
    """Return the names that begin with `prefix`, in order."""
    with _stored() as stored:
        return sorted(name for name in stored.files if name.startswith(prefix))


def assert_close(value, expected, tolerance=1e-9):
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)
