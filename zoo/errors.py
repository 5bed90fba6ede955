"""What is wrong with what a model is given."""


class BatchError(ValueError):
    """A batch that the model cannot take, found when it comes. The message is one line that says what to change."""
