"""The pages of docs/: every command parses, every link leads somewhere, the Python recipes are the YAML ones."""

import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import callbacks
import cli
import datamodules
import zoo
from commands import catalogue, plain

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: What stands in a page for something of the reader's.
READERS = {"RECIPE": "deligan_toy", "KIND": "bimodal", "RUN": "runs/a", "OWNER/NAME": "a/b", "mine.yaml": "quickstart"}


def commands(page):
    """Return the commands of a page's blocks without a language, as argument lists."""
    blocks = [block for language, block in FENCE.findall(page.read_text()) if language in ("", "bash", "sh")]
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    lines = [re.split(r" (?:&&|\|) ", line)[0] for line in lines if re.match(r"\s*ganzoo [a-z]", line)]
    found = [shlex.split(line, comments=True) for line in lines]
    return [[READERS.get(word, word) for word in words if "=" not in words[0]] for words in found]


EVERY = [pytest.param(words, id=f"{page.stem}: {' '.join(words)}") for page in PAGES for words in commands(page)]


class ParsedError(Exception):
    """All words were understood; nothing is run."""


def stop():
    raise ParsedError


@pytest.mark.parametrize("words", EVERY)
def test_a_command_of_a_page_parses(words, capsys, monkeypatch):
    command, *rest = words[1:]
    if command in plain.FILES:
        parse = plain.PlainParser.parse_args
        monkeypatch.setattr(plain.PlainParser, "parse_args", lambda *given: (parse(*given), stop())[0])
        with pytest.raises(ParsedError):
            import_module(f"commands.{plain.FILES[command]}").main(rest)
    elif command in ("fit", "test", "validate", "predict"):
        with pytest.raises(SystemExit) as end:
            cli.main([command, *rest, *([] if "--print_config" in rest else ["--print_config"])])
        assert not end.value.code, capsys.readouterr().err
    else:
        assert command in ("list", "scorer"), command


def test_links_of_pages_lead_somewhere():
    missing = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)\)", FENCE.sub("", page.read_text())):
            generated = link.startswith(("models/", "../models/", "api/"))
            if not link.startswith("http") and not generated and not (page.parent / link).exists():
                missing.append(f"{page.name}: {link}")
    assert not missing


def test_every_page_is_in_the_site():
    trees = (ROOT / "docs" / "index.md").read_text()
    listed = set(re.findall(r"^([\w/]+)$", trees, re.MULTILINE))
    assert {page.stem for page in PAGES} - {"index"} <= listed


BLOCKS = [block for language, block in FENCE.findall((ROOT / "docs" / "python.md").read_text()) if language == "python"]
RECIPES = {block.splitlines()[0].removeprefix("# "): block for block in BLOCKS if block.startswith("# ")}


def test_there_are_eight_recipes_in_python():
    assert len(RECIPES) == 8


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_in_python_is_the_recipe_in_yaml(name):
    shown = {**vars(datamodules), **{each: getattr(zoo, each) for each in zoo.__all__}}
    exec(RECIPES[name], shown)
    settings = yaml.safe_load((catalogue.FOLDER / f"{name}.yaml").read_text())
    data = catalogue.build(settings["data"])
    shape = {"image_shape": data.image_shape, "num_classes": data.num_classes}
    model = catalogue.build(settings["model"], **shape)
    assert type(shown["model"]) is type(model)
    assert described(shown["model"].hparams) == described(model.hparams)
    assert type(shown["data"]) is type(data)
    assert arguments(shown["data"]) == arguments(data)
    assert shown["STEPS"] == settings["trainer"]["max_steps"]


def described(hparams):
    """Return hyperparameters with lists for tuples."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in dict(hparams).items()}


def arguments(data):
    """Return what a data module was told."""
    return {name: getattr(data, name, None) for name in inspect.signature(type(data)).parameters}


def test_the_trainer_for_python_counts_steps_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = datamodules.DigitsDataModule(batch_size=8)
    small = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}}
    model = zoo.WGANGP(image_shape=data.image_shape, latent_dim=4, **small)
    trainer = callbacks.step_trainer(20, accelerator="cpu", log_every_n_steps=1, limit_val_batches=1)
    trainer.fit(model, data)
    assert (trainer.global_step, model.trained_steps) == (20, 20)
    assert (trainer.val_check_interval, trainer.check_val_every_n_epoch) == (2, None)
    assert not [*tmp_path.iterdir()]
    assert "lit" not in capsys.readouterr().err


def test_the_trainer_for_python_takes_what_is_asked(tmp_path):
    bar = callbacks.StepBar()
    last = callbacks.LastCheckpoint()
    trainer = callbacks.step_trainer(
        30, bar, last, accelerator="cpu", val_check_interval=7, default_root_dir=tmp_path, enable_progress_bar=True
    )
    assert [each for each in trainer.callbacks if isinstance(each, callbacks.StepBar)] == [bar]
    assert trainer.val_check_interval == 7
    assert last in trainer.callbacks
    assert not callbacks.step_trainer(30, accelerator="cpu", enable_progress_bar=False).progress_bar_callback
