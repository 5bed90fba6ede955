"""The error for wrong data, in one line."""


class DataError(RuntimeError):
    """Data that is missing or wrong. The message is one line: which file or folder, what is wrong, what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return the text with line ends and what else a terminal would obey written out: files may have such names."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
