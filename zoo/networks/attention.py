"""Self-attention between the pixels of one sample, as SAGAN's code has it (arXiv:1805.08318)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d


class SelfAttention(nn.Module):
    """Add gamma times what each pixel reads from the others; gamma starts at 0.

    Queries and keys have an eighth of the channels, values half; keys and values are pooled 2x2; the products are not
    divided by a root. The paper's text has an eighth for all three and no pooling, which nobody ran. No biases.

    Args:
        channels: of input and output, a multiple of 8.
        conv: makes a convolution from (inputs, outputs, 1, bias=False), such as SpectralConv2d.
    """

    def __init__(self, channels: int, conv: Callable[..., nn.Module] = nn.Conv2d) -> None:
        super().__init__()
        if channels % 8 or channels < 8:
            raise ValueError(f"self-attention needs channels that are a multiple of 8, not {channels}")
        self.query = conv(channels, channels // 8, 1, bias=False)
        self.key = conv(channels, channels // 8, 1, bias=False)
        self.value = conv(channels, channels // 2, 1, bias=False)
        self.output = conv(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to the same shape; H and W are at least 2."""
        queries = self.query(features).flatten(2)  # [N, C / 8, pixels]
        keys = max_pool2d(self.key(features), 2).flatten(2)  # [N, C / 8, pixels / 4]
        values = max_pool2d(self.value(features), 2).flatten(2)
        shares = (queries.transpose(1, 2) @ keys).softmax(2)  # [N, pixels, pixels / 4]
        read = values @ shares.transpose(1, 2)
        output: Tensor = features + self.gamma * self.output(read.unflatten(2, features.shape[2:]))
        return output
