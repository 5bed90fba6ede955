"""Models of other packages, by their entry points; and what the package itself says of itself."""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import cli
from commands import installed

ROOT = Path(__file__).resolve().parents[1]
MODULE = """
from zoo import GAN


class TheirGAN(GAN):
    paper = "arXiv:0000.00000"
"""


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A package that is installed beside ours, with two models, one under a name of ours."""
    (tmp_path / "their_package.py").write_text(MODULE)
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    names = "TheirGAN = their_package:TheirGAN\nWGANGP = their_package:TheirGAN\n"
    (info / "entry_points.txt").write_text(f"[ganzoo.models]\n{names}")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_package", None)


def test_other_packages_models_are_listed_and_none_is_imported(other, capsys):
    assert installed.models() == {"TheirGAN": "their_package.TheirGAN"}
    cli.main(["list"])
    assert "TheirGAN  their_package.TheirGAN" in capsys.readouterr().out
    assert "their_package" not in sys.modules


@pytest.mark.parametrize("words", [["--model", "TheirGAN"], ["--model=TheirGAN"]])
def test_another_package_s_model_is_meant_by_its_name(other, words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["fit", *words, "--data", "DigitsDataModule", "--print_config"])
    assert not end.value.code
    assert yaml.safe_load(capsys.readouterr().out)["model"]["class_path"] == "their_package.TheirGAN"


def test_our_names_are_ours(other):
    assert installed.with_class_paths(["--model", "WGANGP", "--model=GAN"]) == ["--model", "WGANGP", "--model=GAN"]


def test_constraints_are_versions_that_the_package_takes():
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    needed = [Requirement(each) for each in requires("ganzoo-lightning")]
    needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": "dev"})]
    direct = [each for each in needed if each.name != "ganzoo-lightning"]
    assert len(direct) >= 15
    wrong = [str(each) for each in direct if pinned[canonical(each.name)] not in each.specifier]
    assert not wrong
    assert not [name for name in pinned if name.startswith(("nvidia", "ganzoo"))]


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_citation_names_the_version_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f'version = "{cited["version"]}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("package", ["zoo", "datamodules", "callbacks"])
def test_packages_say_that_they_are_typed(package):
    assert (ROOT / package / "py.typed").is_file()
    assert f'{package} = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()
