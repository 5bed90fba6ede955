"""Labels between two labels: what a network looks up by a label becomes a mean of what it looks up by each."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class Between(Tensor):
    """Labels, int64 [N], on the way from `first` to `second`.

    Embeddings, one-hot codes and weights that are indexed come out as first + share * (second - first), whatever the
    network; what is still a label stays between the two. Ends may be labels between two others themselves.
    """

    ends: tuple[Tensor, Tensor]
    share: float

    @staticmethod
    def of(first: Tensor, second: Tensor, share: float) -> Tensor:
        """Return labels between two, `share` of the way in [0, 1]; the ends themselves are plain tensors."""
        if share in (0, 1):
            return second if share == 1 else first
        are_plain = not isinstance(first, Between) and not isinstance(second, Between)
        with torch._C.DisableTorchFunctionSubclass():
            if are_plain and torch.equal(first, second):
                return first
            made = first.as_subclass(Between)
        made.ends, made.share = (first, second), share
        return made

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Compute with both labels, and blend what is found."""
        label = next(each for each in flat([*args, *(kwargs or {}).values()]) if isinstance(each, Between))
        first, second = (
            func(*at(args, end), **{name: at(value, end) for name, value in (kwargs or {}).items()}) for end in (0, 1)
        )
        if not isinstance(first, Tensor):
            return first
        if first.is_floating_point():
            return torch.lerp(first, second, label.share)
        if first.shape == label.ends[0].shape:
            return Between.of(first, second, label.share)
        return torch.lerp(first.float(), second.float(), label.share)


def flat(values: Any) -> list[Any]:
    """Return what lists and tuples hold, however deep."""
    if isinstance(values, list | tuple):
        return [each for value in values for each in flat(value)]
    return [values]


def at(values: Any, end: int) -> Any:
    """Return the values with the labels of one end in the place of those between."""
    if isinstance(values, list | tuple):
        return type(values)(at(value, end) for value in values)
    return values.ends[end] if isinstance(values, Between) else values
