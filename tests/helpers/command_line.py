"""What tests of the command line ask of it: how it fails, what its checkpoints hold."""

import pytest
import torch

import cli

MODEL, DATA = "--model.init_args.", "--data.init_args."


def error(capsys, *words):
    """The exit status and the last line on stderr of a command that fails without a traceback."""
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    lines = capsys.readouterr().err.strip().splitlines()
    assert not any(line.startswith("Traceback") for line in lines)
    assert sum("error:" in line for line in lines) == 1
    assert "Namespace(" not in lines[-1]
    return stop.value.code, lines[-1]


def weights(path):
    """The model's, in a checkpoint."""
    return torch.load(path, weights_only=True)["state_dict"]


def same(one, other):
    """Whether two models' weights are equal, bit by bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
