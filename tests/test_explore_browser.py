"""`ganzoo explore` in a real browser: dragged by mouse and touch, moved by keys, read out, and nothing loaded."""

import time

import pytest

import cli
from helpers.browser import PROGRAM, browser
from helpers.pages import contrast

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed")]

STEPS = 5
PLANE = "document.querySelectorAll('.plane')[2]"
PLACE = f"[...{PLANE}.querySelectorAll('input')].map(each => Number(each.value))"
TOLD = f"{PLANE}.querySelector('output').textContent"
PIXELS = f"{PLANE}.querySelector('.here canvas').toDataURL()"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of a shipped model with labels."""
    path = tmp_path_factory.mktemp("page") / "explore.html"
    cli.main(["explore", "acgan_mnist", "--steps", str(STEPS), "--out", str(path)])
    return path


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A browser."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def show(seen, page, width=1400, dark=False):
    """Load the page and wait for its script."""
    seen.show(page, width, dark, height=2400)
    assert becomes(seen, "document.documentElement.className", "script")


def becomes(seen, expression, wanted):
    """Return whether an expression has a value within seconds: a page is told of moves at its next frame."""
    until = time.monotonic() + 10
    while (found := seen.value(expression)) != wanted and time.monotonic() < until:
        time.sleep(0.02)
    return found == wanted


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1400])
def test_the_page_fits_and_has_the_system_s_colours(page, seen, width, dark):
    show(seen, page, width, dark)
    assert seen.value("document.documentElement.scrollWidth") <= width
    corner = seen.picture().getpixel((1, 1))
    assert (max(corner) < 60) if dark else (min(corner) > 220)
    back = seen.value("getComputedStyle(document.body).backgroundColor")
    colours = seen.value("[...document.querySelectorAll('p, h2, label, span, output, summary')].map(each => "
                         "getComputedStyle(each).color)")  # fmt: skip
    assert min(contrast(each, back) for each in colours) >= 4.5
    sides = seen.value("[...document.querySelectorAll('.here')].map(each => each.clientWidth)")
    assert min(sides) >= width / 2 - 40 if width < 700 else min(sides) >= 250
    assert max(sides) <= 500  # a hand that scrolls finds room beside them


def test_nothing_is_loaded_and_nothing_but_the_page_s_script_runs(page, seen):
    show(seen, page)
    assert [each for each in seen.requested if not each.startswith("data:image/")] == [page.absolute().as_uri()]
    assert not seen.said
    seen.value("document.body.appendChild(document.createElement('script')).textContent = 'document.title = 1'")
    assert seen.value("document.title") == "acgan_mnist: planes of its images"


def test_keys_move_and_stop_at_the_sides(page, seen):
    show(seen, page)
    seen.value(f"{PLANE}.querySelector('.here').focus()")
    assert seen.value(PLACE) == [2, 2]
    pictures = {seen.value(PIXELS)}
    for key, code, place in (
        ("ArrowRight", 39, [3, 2]), ("ArrowDown", 40, [3, 3]), ("End", 35, [4, 3]), ("ArrowRight", 39, [4, 3]),
        ("Home", 36, [0, 3]), ("ArrowLeft", 37, [0, 3]), ("PageUp", 33, [0, 0]), ("ArrowUp", 38, [0, 0]),
        ("PageDown", 34, [0, 4]),
    ):  # fmt: skip
        seen.press(key, code)
        assert seen.value(PLACE) == place, key
        pictures.add(seen.value(PIXELS))
    assert len(pictures) == 7
    assert seen.value(TOLD) == "0 % across, 100 % down"
    assert seen.value("scrollY") == 0


def test_every_control_is_reached_by_tab_and_shows_it(page, seen):
    show(seen, page)
    reached = []
    for _ in range(20):
        seen.press("Tab", 9)
        reached.append(seen.value("document.activeElement.tagName"))
        assert seen.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if reached[-1] == "SUMMARY":
            break
    assert reached == ["DIV", "INPUT", "INPUT"] * 4 + ["SUMMARY"]
    seen.press("Enter", 13, "\r")
    assert seen.value("document.querySelector('details').open")


@pytest.mark.parametrize("area", [".here", ".map"])
def test_a_mouse_drags(page, seen, area):
    show(seen, page)
    left, top, width, height = box(seen, area)
    first = seen.value(PIXELS)
    mouse(seen, "mouseMoved", left + 3, top + 3, 0)
    assert becomes(seen, PLACE, [2, 2])
    mouse(seen, "mousePressed", left + 3, top + 3, 1)
    assert becomes(seen, PLACE, [0, 0])
    mouse(seen, "mouseMoved", left + width * 0.9, top + height * 0.7, 1)
    assert becomes(seen, PLACE, [4, 3])
    mouse(seen, "mouseMoved", left + width * 2, top - 50, 1)  # beyond it
    assert becomes(seen, PLACE, [4, 0])
    mouse(seen, "mouseReleased", left + width * 2, top - 50, 0)
    mouse(seen, "mouseMoved", left + 3, top + height - 3, 0)
    assert becomes(seen, PLACE, [4, 0])
    assert seen.value(PIXELS) != first
    spot = f"getComputedStyle({PLANE}.querySelector('.spot'))"
    assert seen.value(f"[{spot}.left, {spot}.top]")[1] == "0px"


def test_a_finger_drags(page, seen):
    show(seen, page, 320)
    left, top, width, height = box(seen, ".here")
    touch(seen, "touchStart", [{"x": left + 2, "y": top + 2}])
    touch(seen, "touchMove", [{"x": left + width * 0.5, "y": top + height * 0.9}])
    touch(seen, "touchEnd", [])
    assert becomes(seen, PLACE, [2, 4])
    assert seen.value("scrollY") == 0


def test_a_screen_reader_is_told_where_it_is(page, seen):
    show(seen, page)
    nodes = seen("Accessibility.getFullAXTree")["nodes"]
    named = {(each.get("role", {}).get("value"), each.get("name", {}).get("value")) for each in nodes}
    title = "Between the seeds 0, 1, 2 and 3, label 0"
    assert ("application", f"{title}. {STEPS} columns, {STEPS} rows; arrow keys move.") in named
    assert {("slider", f"{title}: {word}") for word in ("across", "down")} <= named
    assert seen.value("document.images[0].alt").endswith("Label by label, from seed 0 to seed 1")
    rows = "document.querySelectorAll('.plane')[3].querySelectorAll('input')[1].getAttribute('aria-valuetext')"
    assert seen.value(rows) == "label 5"
    assert seen.value("[...document.querySelectorAll('output')].every(each => each.textContent)")


def test_without_scripts_all_images_are_there(page, seen):
    seen("Emulation.setScriptExecutionDisabled", value=True)
    try:
        seen.show(page, 768, False)
        pixels = seen.picture()
        assert pixels.resize((1, 1)).getpixel((0, 0)) < (230, 230, 230)  # the sprite is mostly dark
    finally:
        seen("Emulation.setScriptExecutionDisabled", value=False)


def box(seen, selector):
    """Return where an element is: left, top, width, height."""
    rectangle = f"{PLANE}.querySelector('{selector}').getBoundingClientRect()"
    return seen.value(f"(r => [r.left, r.top, r.width, r.height])({rectangle})")


def mouse(seen, kind, x, y, buttons):
    """Move, press or release the left button."""
    button = "none" if kind == "mouseMoved" and not buttons else "left"
    seen("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)


def touch(seen, kind, points):
    """Put a finger down, move it, or take it away."""
    seen("Input.dispatchTouchEvent", type=kind, touchPoints=points)
