"""Lists of numbers as words: `0-63,100`."""

import re

MOST = 1_000_000


def numbers(option: str, words: str) -> list[int]:
    """Return what `sequence` does, each number once."""
    return list(dict.fromkeys(sequence(option, words)))


def sequence(option: str, words: str) -> list[int]:
    """Return the numbers of a list such as 0-63,100, in its order.

    Args:
        option: in whose place it stands, for the message.
        words: numbers and ranges, both ends included, between commas.

    Raises:
        ValueError: it is no such list, or one of more than a million numbers.
    """
    ranges = []
    for part in words.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip(), re.ASCII)
        if not found or len(part) > 40:
            raise ValueError(f"{option} {words[:80]}: a list of whole numbers and ranges, such as 0-63,100")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first:
            raise ValueError(f"{option} {part.strip()}: a range goes up")
        ranges.append(range(first, last + 1))
    if sum(map(len_of, ranges)) > MOST:
        raise ValueError(f"{option} {words[:80]}: more than {MOST:,} numbers")
    return [number for each in ranges for number in each]


def len_of(each: range) -> int:
    """Return how many numbers a range has; `len` refuses ranges beyond a machine's word."""
    return each.stop - each.start
