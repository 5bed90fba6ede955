"""Says that a gradient that is being taken is of images alone, as under a penalty: layers may leave out others."""

from collections.abc import Iterator
from contextlib import contextmanager


class ImagesAlone:
    """A flag of the process: on a GPU, gradients are computed in another thread."""

    def __init__(self) -> None:
        self.is_so = False

    @contextmanager
    def within(self) -> Iterator[None]:
        """Say so within."""
        before, self.is_so = self.is_so, True
        try:
            yield
        finally:
            self.is_so = before


images_alone = ImagesAlone()
