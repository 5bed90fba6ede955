"""Checkpoints that are there whole or not at all."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the old checkpoint, waits for the disk, then takes its place in one move.

    Lightning's own writes to the system's folder for temporary files; where that is another file system, its move is a
    copy over the old checkpoint, which a full disk or a kill leaves in pieces.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Raises OSError with the file's name."""
        path = Path(path)
        partial = path.with_name(f"{path.name}.part")
        torch.save(checkpoint, content := io.BytesIO())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise OSError(error.errno, error.strerror, str(path)) from error
