"""From which size an image is built up."""


def halved(image_shape: tuple[int, int, int], above: int) -> tuple[int, int, int]:
    """Return height and width, halved while both are even and above a number, and how often they were."""
    _, height, width = image_shape
    times = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > above:
        height, width, times = height // 2, width // 2, times + 1
    return height, width, times
