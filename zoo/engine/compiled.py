"""The losses of a training step as graphs of torch.compile; on a GPU they are CUDA graphs, launched at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.engine.batch import Batch, Latents

# fallback_random: eager torch's draws, so that a compiled run is the same run up to rounding
OPTIONS: dict[str, Any] = {"backend": "inductor", "options": {"fallback_random": True, "triton.cudagraphs": True}}


class CompileError(ValueError):
    """torch.compile refused a model, or has no C++ compiler."""


class Graphs(NamedTuple):
    """The parts of a training step that are worth a graph each, with the gradients that are made through them."""

    images: Callable[[Latents], Tensor]
    """Latents to images, for the critic's updates."""
    critic_terms: list[Callable[[Batch, Batch], Tensor]]
    """See GAN.critic_terms."""
    adversarial: Callable[[Batch, Latents], Tensor]
    """Real images and latents to the generator's loss."""


def compiled(graphs: Graphs, observed: dict[str, Tensor]) -> Graphs:
    """Return the same functions, compiled when they are first called, for batches of one size.

    `observed` is where they leave what they observe. They raise CompileError where torch cannot compile them.
    """
    torch._dynamo.reset()  # else the ninth model of a process would be one too many

    def graph(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        fast = torch.compile(function, fullgraph=True, dynamic=False, **OPTIONS)

        def replayed(*inputs: Batch | Latents) -> Tensor:
            torch.compiler.cudagraph_mark_step_begin()
            before = dict(observed)
            observed.clear()  # else a graph is for one state of it
            with plain_errors():
                output = fast(*inputs)
            # A CUDA graph writes to the same memory whenever it runs: what is kept is copied.
            observed.update(before | {name: value.clone() for name, value in observed.items()})
            return output.clone()

        return replayed

    terms = [graph(term) for term in graphs.critic_terms]
    return Graphs(graph(graphs.images), terms, graph(graphs.adversarial))


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what torch.compile raises, in its own modules' classes, into a CompileError of one line."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "torch._functorch")):
            raise
        cause = getattr(error, "inner_exception", error)
        lines = [line for line in str(cause).splitlines() if line.strip()]
        raise CompileError(f"torch.compile cannot do this model: {(lines or [type(cause).__name__])[0]}") from error
