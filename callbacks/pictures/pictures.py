"""The base of all callbacks that draw: when they draw, and where the pictures go."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from lightning.pytorch import Callback, Trainer
from PIL import Image

from callbacks.pictures.dashboards import send, send_table
from zoo.engine.module import AdversarialModule
from zoo.files.regular_files import open_regular
from zoo.files.whole_files import whole_file

log = logging.getLogger("lightning.pytorch.ganzoo")


class Pictures(Callback):
    """Draw the model every k steps: as PNG, and to the dashboards of all loggers at x = global_step.

    PNG files go to `samples/` under the trainer's default_root_dir; at the end of `fit` a GIF shows them in order,
    and a table at Weights & Biases. `test` draws once. Only rank 0 draws.

    Args:
        every_n_steps: steps between pictures; the first step and the last are drawn too.
        gif: write `training.gif` at the end.
        seed: of the latents, which never change.
    """

    #: What begins the files' names, and the name on the dashboard.
    prefix: ClassVar[str] = ""
    title: ClassVar[str] = "samples"

    def __init__(self, every_n_steps: int = 500, gif: bool = True, seed: int = 0) -> None:
        if every_n_steps < 1:
            raise ValueError(f"{type(self).__name__}: every_n_steps must be at least 1, got {every_n_steps}")
        self.every_n_steps, self.gif, self.seed = every_n_steps, gif, seed
        self.drawn_step = -1
        self.drawn: list[Path] = []

    @abstractmethod
    def draws(self, model: AdversarialModule) -> bool:
        """Return whether this is a picture of such models."""

    @abstractmethod
    def picture(self, trainer: Trainer, model: AdversarialModule) -> Image.Image:
        """Draw the model as it is."""

    def is_needed(self, model: AdversarialModule, command: str) -> bool:
        """Return whether such models are drawn."""
        return self.draws(model)

    def latents_seed(self) -> torch.Generator:
        """Return the seed of each picture's latents: the same draws for all."""
        return torch.Generator().manual_seed(self.seed)

    def on_train_start(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Forget the pictures of an earlier run."""
        self.drawn_step, self.drawn = -1, []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: AdversarialModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw when the step is due."""
        step = trainer.global_step
        if step % self.every_n_steps == 0 or step == 1:
            self.draw(trainer, pl_module, f"step_{step:07d}", step)

    def on_train_end(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Draw the last step, whatever ended the training, and write all pictures as one that moves."""
        if self.drawn_step != (step := trainer.global_step):
            self.draw(trainer, pl_module, f"step_{step:07d}", step)
        if self.gif and self.drawn and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            path = samples_folder(trainer) / f"{self.prefix}training.gif"
            try:
                write_gif(self.drawn, path)
            except OSError as error:
                log.warning("no picture %s (%s)", path, error.strerror)
        if trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            for logger in trainer.loggers:
                send_table(logger, self.title, self.drawn, step)

    def on_test_end(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Draw the tested model, whose trainer has taken no steps itself."""
        self.draw(trainer, pl_module, "test", pl_module.trained_steps)

    def draw(self, trainer: Trainer, model: AdversarialModule, name: str, step: int) -> None:
        """Draw one picture, and send it to every place."""
        if not (trainer.is_global_zero and self.draws(model)):
            return
        self.drawn_step = step
        picture = self.picture(trainer, model)
        if write_picture(picture, path := samples_folder(trainer) / f"{self.prefix}{name}.png"):
            self.drawn.append(path)
        for logger in trainer.loggers:
            send(logger, self.title, picture, step)


def samples_folder(trainer: Trainer) -> Path:
    """Return where the pictures of this run go; the first one makes it."""
    return Path(trainer.default_root_dir) / "samples"


def write_picture(picture: Image.Image, path: Path) -> bool:
    """Write a PNG, or warn that it cannot be written: a picture less is no reason to lose a run. Return whether."""
    try:
        with whole_file(path) as file:
            picture.save(file, format="PNG")
    except OSError as error:
        log.warning("no picture %s (%s)", path, error.strerror)
        return False
    return True


def write_gif(files: Sequence[Path], path: Path, max_frames: int = 50, max_width: int = 300) -> None:
    """Write pictures as one that moves: at most `max_frames` of them, evenly chosen, the last one held longer."""
    if len(files) < 2:
        return
    count = min(len(files), max_frames)
    chosen = [files[round(i * (len(files) - 1) / (count - 1))] for i in range(count)]
    frames = []
    for file in chosen:
        with open_regular(file) as stream, Image.open(stream, formats=["PNG"]) as picture:
            width = min(max_width, picture.width)
            size = (width, round(width * picture.height / picture.width))
            frames.append(picture.resize(size, Image.Resampling.BOX).quantize(32))
    durations = [120] * (len(frames) - 1) + [2000]
    with whole_file(path) as target:
        moving: dict[str, Any] = {
            "save_all": True,
            "append_images": frames[1:],
            "duration": durations,
            "loop": 0,
            "optimize": True,
        }
        frames[0].save(target, format="GIF", **moving)
