"""Questions of the command line's tests: how it fails, what its checkpoints hold."""

import lightning.pytorch  # noqa: F401  # its log handler keeps the stderr of its import: none that a test captures
import pytest
import torch

import cli

MODEL, DATA = "--model.init_args.", "--data.init_args."


def error(capsys, *argv):
    """Return the exit status and the last line on stderr of a command that fails without a traceback."""
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    lines = capsys.readouterr().err.strip().splitlines()
    assert not any(line.startswith("Traceback") for line in lines)
    assert sum("error:" in line for line in lines) == 1
    assert "Namespace(" not in lines[-1]
    return stop.value.code, lines[-1]


def weights(path):
    """Return the model's weights in a checkpoint."""
    return torch.load(path, weights_only=True)["state_dict"]


def printed(capsys, *argv):
    """Return the configuration that --print_config shows."""
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", *argv, "--print_config"])
    assert stop.value.code == 0
    return capsys.readouterr().out
