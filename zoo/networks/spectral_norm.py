"""Spectral norm (arXiv:1802.05957) by BigGAN's power iteration: layers whose weights are divided by their norm.

Why not torch.nn.utils.parametrizations.spectral_norm: there every look at `.weight` in training iterates again, 15
iterations come at the start, the pair u, v is kept, and evaluation uses it as it stands. Here one forward is one
iteration, only u is kept, and evaluation iterates once from it without storing, as in the code that the counts and
results of SNGAN and BigGAN are compared with. The state dict keeps `weight` under its own name, beside `u`.

u is moved in place: a critic with these layers can't be called inside the gradient penalty of a compiled step.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding, linear, normalize


class SpectralNorm:
    """Mixin of a layer with a `weight`: keeps u [1, rows], gives weight / sigma.

    The rows are the outputs, or an embedding's entries. sigma = v W^T u^T carries the gradient to W; u and v do not.
    """

    weight: Tensor
    u: Tensor
    training: bool
    eps = 1e-12

    def normalised(self) -> Tensor:
        """Return weight / sigma after one iteration from u, which is stored in training."""
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            v = normalize(self.u @ matrix, eps=self.eps)
            u = normalize(v @ matrix.T, eps=self.eps)
            if self.training:
                self.u.copy_(u)
        return self.weight / (v @ matrix.T @ u.T).squeeze()


class SpectralConv2d(SpectralNorm, nn.Conv2d):
    """A convolution, padded by half of its odd kernel."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=bias)
        self.register_buffer("u", torch.randn(1, out_channels))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, H / stride, W / stride], rounded up."""
        return conv2d(input, self.normalised(), self.bias, self.stride, self.padding)


class SpectralLinear(SpectralNorm, nn.Linear):
    """A linear layer."""

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.register_buffer("u", torch.randn(1, out_features))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_features] to [N, out_features]."""
        return linear(input, self.normalised(), self.bias)


class SpectralEmbedding(SpectralNorm, nn.Embedding):
    """An embedding of labels."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        self.register_buffer("u", torch.randn(1, num_embeddings))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map labels [N] to [N, embedding_dim]."""
        return embedding(input, self.normalised())
