"""Errors that say in one line what is wrong."""


class BatchError(ValueError):
    """A batch that the model cannot take, found when it comes. The message is one line that says what to change."""


class CheckpointError(ValueError):
    """A file that is no checkpoint, or not this model's. The message is one line: which file, what is wrong."""


class NothingSavedError(RuntimeError):
    """A run that ended without any weights worth keeping."""
