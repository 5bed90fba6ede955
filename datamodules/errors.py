"""What is wrong with data, in one line."""


class DataError(RuntimeError):
    """Data that is missing or wrong. The message is one line: which file or folder, what is wrong, what to do."""
