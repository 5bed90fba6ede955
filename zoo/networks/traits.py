"""Traits of layers, as class attributes of theirs, so that nobody needs a list of layers.

| attribute | meaning |
| --- | --- |
| `mixes_samples = True` | in training, a sample's output depends on the others in its batch |
| `excludes_penalty = True` | no sample has an output of its own, whose gradient could be penalised (arXiv:1704.00028) |
| `is_random = True` | in training, the same input can get different outputs |
| `counts_statistics = True` | its source counts the running statistics among the parameters |

An average of weights needs no word from them: it copies all buffers but the running statistics of norms. torch's own
layers say none of it: the functions below know those.
"""

from torch import nn


def says(network: nn.Module, trait: str) -> bool:
    """Return whether any layer has the attribute `trait`, and it is true."""
    return any(getattr(part, trait, False) is True for part in network.modules())


def mixes_samples(network: nn.Module) -> bool:
    """Return whether, in training, one sample's output depends on the others in its batch."""
    norm = nn.modules.batchnorm._BatchNorm
    return says(network, "mixes_samples") or any(isinstance(part, norm) for part in network.modules())


def is_random(network: nn.Module) -> bool:
    """Return whether, in training, the same image can get different outputs."""
    dropout = nn.modules.dropout._DropoutNd
    return says(network, "is_random") or any(isinstance(part, dropout) and part.p > 0 for part in network.modules())


def count_parameters(network: nn.Module) -> int:
    """Count parameters as the network's source does: weights, and running statistics where a layer says so."""
    counting = [part for part in network.modules() if getattr(part, "counts_statistics", False)]
    statistics = [part.get_buffer(name) for part in counting for name in ("running_mean", "running_var")]
    return sum(each.numel() for each in (*network.parameters(), *statistics))
