"""Initial values that follow from data (arXiv:1602.07868, Section 3): layers that see a batch before training begins.

They see the first training batch of a run, once: a count in the state dict says so, so that a run that goes on from a
checkpoint, and one that begins with trained weights, leave them as they are. What is random then is drawn from
(seed, rank) alone, and moments are means over all processes, so that these stay one model.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.engine.batch import Batch
from zoo.engine.randomness import run_seed, seed_draws

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule

Mean = Callable[[Tensor], Tensor]


class SeesFirstBatch(ABC):
    """Mixin of a layer whose initial values follow from data.

    Attributes:
        batches_seen: int64 [], a buffer: 0 until `begin_with` was called.
    """

    batches_seen: Tensor

    @abstractmethod
    def begin_with(self, inputs: Tensor, outputs: Tensor, mean: Mean) -> Tensor:
        """Set the layer's initial values and return its outputs with them.

        Args:
            inputs: of the layer, in a first batch.
            outputs: of the layer as it is.
            mean: over all processes, of a tensor that each of them has.
        """


@torch.no_grad()
def begin_with(network: nn.Module, forward: Callable[[], object], mean: Mean) -> None:
    """Let every layer of a network see the batch that `forward` sends through it: later ones see what earlier ones set.

    Layers that have seen one stay as they are.
    """

    def hook(layer: Any, inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor | None:
        if layer.batches_seen:  # it has two places in the network
            return None
        layer.batches_seen += 1
        begun: Tensor = layer.begin_with(inputs[0], outputs, mean)
        return begun.to(outputs.dtype)

    hooks = [layer.register_forward_hook(hook) for layer in unseen(network)]
    try:
        forward()
    finally:
        for each in hooks:
            each.remove()


def unseen(network: nn.Module) -> list[nn.Module]:
    """Return the layers of a network that have not seen a batch yet."""
    layers = [layer for layer in network.modules() if isinstance(layer, SeesFirstBatch)]
    return [layer for layer in layers if not layer.batches_seen]


def show_first_batch(model: "AdversarialModule", real: Batch) -> None:
    """Show the generator latents and the critic images, where they have layers that wait for it; noise is on."""
    if not unseen(model.generator) and not unseen(model.critic):
        return
    seed_draws(model.device, "first batch", run_seed(), model.global_rank)
    with torch.no_grad():
        latents = model.prior(len(real.images), None, model.fake_labels(real))
    begin_with(model.generator, lambda: model.generate(latents), model.mean_over_ranks)
    begin_with(model.critic, lambda: model.critic_on(real.images, real.labels), model.mean_over_ranks)
    if model.averaged is not None:  # its copy is of weights that nobody has now
        model.averaged.module.load_state_dict(model.sampler.state_dict())
