"""Checkpoints that are there whole or not at all."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from zoo.files.whole_files import whole_file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the old checkpoint, wait for the disk, then take its place in one move.

    Lightning's own writes to the system's folder for temporary files; where that is another file system, its move is a
    copy over the old checkpoint, which a full disk or a kill leaves in pieces.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint. Raises OSError with the file's name."""
        torch.save(checkpoint, content := io.BytesIO())
        with whole_file(Path(path)) as file:
            file.write(content.getbuffer())
