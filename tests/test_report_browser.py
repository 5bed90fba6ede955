"""`ganzoo report` in a real browser: light and dark, narrow and wide, by keyboard, and nothing loaded or run."""

import pytest

import cli
from commands.report.charts import WIDTH
from helpers.browser import PROGRAM, browser
from helpers.pages import contrast, write_run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no chromium is installed")]

FOCUS = "document.activeElement.className + ' ' + document.activeElement.tagName"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of two runs, one with settings too long for any window, and with a script for a name."""
    folder = tmp_path_factory.mktemp("page")
    long = {"extra": {"long": "x" * 400, "<script>document.title = 'run'</script>": "<img src=http://127.0.0.1:9/x>"}}
    runs = [write_run(folder / "runs" / name / "now", each) for name, each in (("a", {}), ("b", long))]
    cli.main(["report", *map(str, runs), "--out", str(folder / "report.html")])
    return folder / "report.html"


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A browser."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1400])
def test_the_page_fits_and_has_the_system_s_colours(page, seen, width, dark):
    seen.show(page, width, dark)
    assert seen.value("document.documentElement.scrollWidth") <= width
    corner = seen.picture().getpixel((1, 1))
    assert (max(corner) < 60) if dark else (min(corner) > 220)
    fore, back = (seen.value(f"getComputedStyle(document.body).{each}") for each in ("color", "backgroundColor"))
    assert contrast(fore, back) > 7
    colours = "[...document.querySelectorAll('svg text, .dim, figcaption, .mark, a')].map(each => "
    colours += "getComputedStyle(each)[each.tagName == 'text' ? 'fill' : 'color'])"
    assert min(contrast(each, back) for each in seen.value(colours)) >= 4.5
    narrowest = seen.value("Math.min(...[...document.querySelectorAll('svg')].map(each => each.clientWidth))")
    assert narrowest >= min(340, width - 60)
    size = seen.value("parseFloat(getComputedStyle(document.querySelector('svg text')).fontSize)")
    assert size * narrowest / WIDTH >= 9  # pixels, as the drawing is scaled


def test_nothing_is_loaded_and_nothing_runs(page, seen):
    seen.show(page, 1400, dark=False)
    assert [each for each in seen.requested if not each.startswith("data:image/")] == [page.absolute().as_uri()]
    assert not seen.said
    assert seen.value("document.title") == "ganzoo: 2 runs"
    assert seen.value("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    assert seen.value("document.images.length") == 6
    assert seen.value("document.scripts.length") == 0


def test_everything_is_reached_by_keyboard_and_shows_where_it_is(page, seen):
    seen.show(page, 400, dark=False)
    reached = []
    for _ in range(60):
        seen.press("Tab", 9)
        reached.append(seen.value(FOCUS).strip())
        if reached[-1] == "SUMMARY":
            break
        assert seen.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    links = seen.value("document.querySelectorAll('nav a').length")
    tables = seen.value("document.querySelectorAll('section > .scroll').length")
    assert reached[0] == "skip A"
    assert reached.count("A") == links
    assert reached.count("scroll DIV") == tables > 2
    assert not seen.value("document.activeElement.parentElement.open")
    seen.press("Enter", 13, "\r")
    assert seen.value("document.activeElement.parentElement.open")


def test_a_screen_reader_is_told_what_pictures_and_charts_show(page, seen):
    seen.show(page, 1400, dark=False)
    tree = seen("Accessibility.getFullAXTree")["nodes"]
    names = [each["name"]["value"] for each in tree if each.get("role", {}).get("value") in ("image", "img")]
    assert len(names) == 6 + seen.value("document.querySelectorAll('svg').length")
    assert {"a/now: grid of images, step 8", "val/fid by step"} <= set(names)
    told = [each.get("description", {}).get("value", "") for each in tree]
    assert any("A 5 at step 2, 1.25 at step 8, best 1.25 at step 8" in each for each in told)
