"""The beginning of a run: weights as they are drawn, of its own checkpoint, or of another training."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.bundles import mapping
from commands.resuming import checked_steps
from zoo.hub.fine_tuning import init_from

if TYPE_CHECKING:
    from commands.command import ZooCLI

log = logging.getLogger("lightning.pytorch.ganzoo")


def settle(cli: "ZooCLI") -> None:
    """Check the checkpoint, or put the weights of --init_from into the model, before the run's folder is made.

    Raises ValueError for a checkpoint of another model, for one that leaves nothing to train, and for a source that is
    none or does not fit.
    """
    config = cli.config[cli.subcommand]
    source = source_meant(config, str(cli.subcommand), cli.checkpoint, cli.argv)
    if source:
        cli.taken = cli.save_config_kwargs["taken"] = init_from(cli.model, source)
    settle_checkpoint(cli)


def source_meant(config: Any, command: str, checkpoint: Path | None, argv: Sequence[str]) -> str | None:
    """Return the source that a fit begins with; None where there is none, or it goes on from a checkpoint.

    A run's own configuration says what the run began with: who goes on with it means its checkpoint. Raises ValueError
    for an option that the user typed and that cannot be meant.

    Args:
        config: of the command.
        command: fit, test, ...
        checkpoint: that --ckpt_path means.
        argv: the command's words.
    """
    source: str | None = config.init_from
    if not source:
        return None
    typed = any(word.partition("=")[0] == "--init_from" for word in argv)
    if typed and command != "fit":
        raise ValueError("--init_from is for fit: what is trained already goes to --ckpt_path")
    if command != "fit" or checkpoint is None:
        return source if command == "fit" else None
    if config.ckpt_path == "auto":
        began = mapping(checkpoint.parent.parent / "config.yaml").get("init_from")
        if began != source:
            other = f"began with {began}" if began else "began with none"
            raise ValueError(f"--init_from {source}: auto finds {checkpoint}, whose run {other}: give another --name")
    elif typed:
        raise ValueError("--init_from begins a run, --ckpt_path goes on with one: give one of them")
    log.info("weights are those of %s: %s was where its run began", checkpoint, source)
    return None


def settle_checkpoint(cli: "ZooCLI") -> None:
    """Give Lightning the checkpoint. Raise ValueError for one of another model, or one that leaves nothing to train."""
    given = cli.config_init[cli.subcommand]
    if not cli.checkpoint:
        given["ckpt_path"] = None
        return
    cli.first_step = steps = checked_steps(cli.checkpoint, cli.model, to_train=cli.subcommand == "fit")
    last = given["trainer"].get("max_steps")
    if cli.subcommand == "fit" and 0 <= last <= steps:
        if cli.config[cli.subcommand]["ckpt_path"] == "auto":
            print(f"{cli.checkpoint} has {steps} steps already: nothing is left to train")
            raise SystemExit(0)
        raise ValueError(f"--ckpt_path: {cli.checkpoint} has {steps} steps: --trainer.max_steps must be more")
    given["ckpt_path"] = str(cli.checkpoint)
