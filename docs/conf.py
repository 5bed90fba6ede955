"""Sphinx: Markdown pages, model pages made of the models and recipes, the API of docstrings. `make docs` builds it."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from importlib.metadata import version  # noqa: E402

import model_pages  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

project = "ganzoo"
version = release = version("ganzoo-lightning")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme, html_title = "furo", "ganzoo"
html_static_path: list[str] = []
html_show_sphinx = html_show_copyright = False
default_role = "code"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page that is included begins at any level

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def plain_text(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Escape what docstrings mean as it stands: |x| and products, outside of `code`."""
    for number, line in enumerate(lines):
        parts = line.split("`")
        parts[::2] = [re.sub(r"(?<![\\*\w])([|*])(?!\*)|(?<=\w)([|*])(?!\*)", r"\\\1\2", part) for part in parts[::2]]
        lines[number] = "`".join(parts)


def setup(app: Sphinx) -> None:
    """Write the pages of the models before Sphinx looks for pages; read docstrings as plain English."""
    app.connect("builder-inited", lambda _: model_pages.write(ROOT / "docs" / "models"))
    app.connect("autodoc-process-docstring", plain_text, priority=400)  # before napoleon
