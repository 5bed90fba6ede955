"""Epochs in a checkpoint, as they are and not as Lightning closes them."""

from typing import Any


def reopen_epoch(checkpoint: dict[str, Any], batches: float) -> None:
    """Change a checkpoint that was saved as training ended amid an epoch so that the epoch is not yet counted.

    Lightning counts it as done when `max_steps`, `max_time` or an early stop ends it: a run that goes on from there
    until `max_epochs` would leave out the rest of its batches.

    Args:
        checkpoint: as Lightning made it; one without the states of its loops is left alone.
        batches: of an epoch.
    """
    loop = checkpoint.get("loops", {}).get("fit_loop")
    if loop is None:
        return
    done, epochs = loop["epoch_loop.batch_progress"]["current"]["ready"], loop["epoch_progress"]
    if not 0 < done < batches or epochs["current"]["completed"] < epochs["current"]["ready"]:
        return
    for counts in epochs.values():
        counts["processed"] = counts["completed"] = counts["completed"] - 1
    checkpoint["epoch"] = epochs["current"]["processed"]
