"""What a layer says about itself, as class attributes, so that nobody needs a list of layers.

| attribute | meaning |
| --- | --- |
| `mixes_samples = True` | in training, a sample's output depends on the others in its batch |
| `is_random = True` | in training, the same input can get different outputs |
| `copied_buffers = ("u",)` | buffers that an average of the weights copies, as their mean means nothing |

torch's own layers say none of it; `zoo.networks.mixes_samples` and `is_random` know those.
"""

from torch import nn


def says(network: nn.Module, trait: str) -> bool:
    """Return whether any layer has the attribute `trait`, and it is true."""
    return any(getattr(part, trait, False) is True for part in network.modules())


def copied_buffers(network: nn.Module) -> set[str]:
    """Return the full names of the buffers that are copied rather than averaged."""
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in network.named_modules()
        for name in getattr(part, "copied_buffers", ())
    }
