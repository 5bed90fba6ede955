"""StyleGAN2's generator: a learned constant, and convolutions whose weights follow from w, one style for each layer.

The constant has the image's sides halved while they are even and above 4; each block doubles them.
"""

import torch
from torch import Tensor, nn

from zoo.networks.sides import halved
from zoo.networks.stylegan2.mapping import LabelledMapping
from zoo.networks.stylegan2.synthesis import Architecture, Noise, Source, StyledBlock


def channels_at(rows: int, base: int, most: int) -> int:
    """Return how many channels features of so many rows have: base / rows, at most `most`."""
    return max(1, min(base // rows, most))


class StyleGAN2Generator(nn.Module):
    """Mapping and synthesis.

    Args:
        latent_dim: D of the latents [N, D]; the paper's is 512.
        image_shape: (C, H, W).
        w_dim: of w.
        mapping_layers: 2 in the configurations for small images, 8 in the paper's.
        channel_base: see `channels_at`.
        channel_max: see `channels_at`.
        architecture: see StyledBlock.
        style_mixing: how often, in training, a batch has another w from some layer on.
        num_classes: of the labels; None has no labels.
    """

    is_unbounded, draws_noise = True, True
    sampling_options = ("truncation", "noise")
    w_average: Tensor

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        w_dim: int = 512,
        mapping_layers: int = 2,
        channel_base: int = 16384,
        channel_max: int = 512,
        architecture: Architecture = "skip",
        style_mixing: float = 0.0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= style_mixing <= 1:
            raise ValueError(f"stylegan2: style_mixing must be in [0, 1], got {style_mixing}")
        rows, columns, doublings = halved(image_shape, above=4)
        self.num_labels, self.style_mixing = num_classes, style_mixing
        self.mapping = LabelledMapping(latent_dim, w_dim, mapping_layers, num_classes)
        self.register_buffer("w_average", torch.zeros(w_dim))
        blocks: list[StyledBlock] = []
        inputs: int | None = None
        for scale in (2**block for block in range(doublings + 1)):
            outputs, sides = channels_at(rows * scale, channel_base, channel_max), (rows * scale, columns * scale)
            is_last = scale == 2**doublings
            blocks.append(StyledBlock(inputs, outputs, image_shape[0], w_dim, sides, architecture, is_last))
            inputs = outputs
        self.blocks, self.convs = nn.ModuleList(blocks), [len(block.convs) for block in blocks]
        self.num_ws = 2 * doublings + 2

    def forward(
        self,
        latents: Tensor,
        labels: Tensor | None = None,
        *,
        source: Source = None,
        truncation: float | None = None,
        noise: Noise = "random",
    ) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W], not bounded.

        Args:
            latents: [N, D].
            labels: int64 [N], where there are classes.
            source: of the noise: one generator, one for each sample, or torch's own.
            truncation: psi: w is moved to the mean of all w, of which 1 - psi is taken; None or 1 leaves it.
            noise: `random`, `const` (the same planes in every image) or `none`.
        """
        w = self.mapping(latents, labels)
        if truncation is not None:
            w = torch.lerp(self.w_average, w, truncation)
        ws = w[:, None].expand(-1, self.num_ws, -1)
        if self.training and self.style_mixing:
            ws = self.mixed(ws, latents, labels)
        return self.synthesis(ws, source, noise)

    def mixed(self, ws: Tensor, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Return ws [N, L, w_dim] with w of other latents from a layer on, drawn once for the batch."""
        layers = torch.arange(self.num_ws, device=ws.device)
        chosen = torch.rand((), device=ws.device) < self.style_mixing
        first = torch.where(chosen, torch.randint(1, self.num_ws, (), device=ws.device), self.num_ws)
        others = self.mapping(torch.randn_like(latents), labels)[:, None]
        return torch.where((layers < first)[:, None], ws, others)

    def synthesis(self, ws: Tensor, source: Source = None, noise: Noise = "random") -> Tensor:
        """Map ws [N, num_ws, w_dim] to images [N, C, H, W]."""
        hidden: Tensor | None = None
        image: Tensor | None = None
        left = list(ws.unbind(1))
        for block, convs in zip(self.blocks, self.convs, strict=True):
            hidden, image = block(hidden, image, left, source, noise)
            del left[:convs]  # the w of a block's image is that of the next block's first convolution
        assert image is not None
        return image

    @torch.no_grad()
    def move_average(self, w: Tensor, decay: float = 0.995) -> None:
        """Move the mean of all w towards w [w_dim]."""
        self.w_average.copy_(torch.lerp(w.to(self.w_average.dtype), self.w_average, decay))
