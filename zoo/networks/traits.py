"""What a layer says about itself, as class attributes, so that nobody needs a list of layers.

| attribute | meaning |
| --- | --- |
| `mixes_samples = True` | in training, a sample's output depends on the others in its batch |
| `is_random = True` | in training, the same input can get different outputs |

An average of weights needs no word from them: it copies all buffers but the running statistics of norms. torch's own
layers say none of it; `zoo.networks.mixes_samples` and `is_random` know those.
"""

from torch import nn


def says(network: nn.Module, trait: str) -> bool:
    """Return whether any layer has the attribute `trait`, and it is true."""
    return any(getattr(part, trait, False) is True for part in network.modules())
