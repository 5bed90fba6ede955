"""Adaptive discriminator augmentation (arXiv:2006.06676): its changes of geometry and colour, and the rule for p."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.augmentations.changes import COLOR, GEOMETRY, Draws, draw_color, draw_geometry, recolor
from zoo.augmentations.resample import warp
from zoo.engine.augmentation import Augmentation


class ADA(Augmentation):
    """Change geometry and colour, each with probability p, which rises while the critic is too sure of real images.

    r_t is the mean sign of the critic's outputs on real images. The loop calls `observe` with them, then `adapt` once
    a step. All state is in buffers: a resumed run goes on with it.
    arXiv:2006.06676, Section 3, with the operations of "bgc" (blitting, geometry, colour).

    Args:
        operations: which changes, of GEOMETRY and COLOR; their order is fixed.
        p: where p starts.
        target: of r_t. None keeps p.
        every: steps between changes of p.
        images: that take p from 0 to 1.
        max_p: p stays in [0, max_p]; the authors' code has no bound above (infinity).
    """

    is_random = True
    p: Tensor
    r: Tensor
    observed: Tensor
    recent: Tensor
    steps: Tensor

    def __init__(
        self,
        operations: Sequence[str] = GEOMETRY + COLOR,
        *,
        p: float = 0.0,
        target: float | None = 0.6,
        every: int = 4,
        images: int = 500_000,
        max_p: float = 1.0,
    ) -> None:
        super().__init__()
        known = GEOMETRY + COLOR
        if isinstance(operations, str) or any(name not in known for name in operations):
            raise ValueError(f"ada: operations is a list of some of {', '.join(known)}, not {operations!r}")
        if not 0 <= p <= max_p:
            raise ValueError(f"ada: p is in [0, max_p], here [0, {max_p}], not {p}")
        if every < 1 or images < 1:
            raise ValueError(f"ada: every and images are at least 1, not {every} and {images}")
        self.operations = tuple(operations)
        self.target, self.every, self.images, self.max_p = target, every, images, max_p
        self.register_buffer("p", torch.tensor(p))
        self.register_buffer("r", torch.tensor(0.0))  # the last r_t, to be logged
        self.register_buffer("observed", torch.zeros(2))  # sum of signs, and how many, since p last changed
        self.register_buffer("recent", torch.zeros(2))  # the same of this step, of this process
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, images: Tensor) -> Tensor:
        """Augment images [N, C, H, W], C 1 or 3, to the same shape and dtype; colour can leave [-1, 1].

        Computed in float32 at least, under autocast, too: half precision has no place for parts of a pixel.
        """
        if images.shape[1] not in (1, 3):
            raise ValueError(f"ada changes images of 1 or 3 channels, not {images.shape[1]}")
        with torch.autocast(images.device.type, enabled=False):
            full = images.to(torch.promote_types(images.dtype, torch.float32))
            return self.change(full, Draws(full, self.p)).to(images.dtype)

    def change(self, images: Tensor, draws: Draws) -> Tensor:
        """Return `images` changed by `draws`."""
        if any(name in GEOMETRY for name in self.operations):
            images = warp(images, draw_geometry(draws, self.operations))
        if any(name in COLOR for name in self.operations):
            images = recolor(images, *draw_color(draws, self.operations))
        return images

    @torch.no_grad()
    def observe(self, outputs: Tensor) -> None:
        """Note the critic's outputs [N] on real images."""
        self.recent += torch.stack([outputs.sign().sum(), outputs.new_tensor(outputs.numel())]).to(self.recent)

    @torch.no_grad()
    def adapt(self, sum_over_ranks: Callable[[Tensor], Tensor] = lambda value: value) -> dict[str, Tensor]:
        """Count a step; each `every` steps move p by the images seen since, up if r_t is above the target."""
        self.steps += 1
        self.observed += sum_over_ranks(self.recent)
        self.recent.zero_()
        due = (self.steps % self.every == 0) & (self.observed[1] > 0)
        signs, count = self.observed.unbind()
        self.r.copy_(torch.where(due, signs / count.clamp(min=1), self.r))
        if self.target is not None:
            moved = self.p + (self.r - self.target).sign() * count / self.images
            self.p.copy_(torch.where(due, moved.clamp(0, self.max_p), self.p))
        self.observed.copy_(torch.where(due, 0.0, self.observed))
        return {"augment_p": self.p.clone(), "augment_r": self.r.clone()}
