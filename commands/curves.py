"""Curves as a picture."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

#: Of the picture and of its margins, in pixels; it is drawn larger by DRAWN, so that its lines are smooth.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, DRAWN = 640, 360, 64, 16, 32, 32, 2
GREY, BLUE, TEXT, LINE = (190, 190, 190), (30, 90, 200), (60, 60, 60), (225, 225, 225)


def curves(columns: Sequence[Sequence[float]], strong: int, title: str) -> Image.Image:
    """Draw curves over 0, 1, 2, ..., on a logarithmic scale.

    Args:
        columns: a curve each, of the same length, at least 2; what is not above 0 or not finite is left out.
        strong: which one is drawn in blue, over the others in grey.
        title: above them.
    """
    values = [value for column in columns for value in column if 0 < value < math.inf] or [1.0]
    low, high = math.log10(min(values)), math.log10(max(values))
    low, high = (low - 0.5, high + 0.5) if high - low < 0.1 else (low, high)
    image = Image.new("RGB", (WIDTH * DRAWN, HEIGHT * DRAWN), "white")
    draw, last = ImageDraw.Draw(image), len(columns[0]) - 1

    def place(step: float, level: float) -> tuple[float, float]:
        across, up = step / last, (level - low) / (high - low)
        x, y = LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)
        return x * DRAWN, y * DRAWN

    font = ImageFont.load_default(12 * DRAWN)
    for level in (low + part * (high - low) / 4 for part in range(5)):
        draw.line([place(0, level), place(last, level)], LINE, DRAWN)
        x, y = place(0, level)
        draw.text((x - 6 * DRAWN, y), f"{10**level:.2g}", TEXT, font, anchor="rm")
    for step in sorted({round(part * last / 4) for part in range(5)}):
        x, y = place(step, low)
        draw.text((x, y + 8 * DRAWN), str(step), TEXT, font, anchor="mt")
    draw.text((LEFT * DRAWN, TOP // 2 * DRAWN), title, TEXT, font, anchor="lm")
    for number in [*(each for each in range(len(columns)) if each != strong), strong]:
        shown = [(step, value) for step, value in enumerate(columns[number]) if 0 < value < math.inf]
        is_strong = number == strong
        points = [place(step, math.log10(value)) for step, value in shown]
        draw.line(points, BLUE if is_strong else GREY, (2 if is_strong else 1) * DRAWN, joint="curve")
    return image.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
