"""The pages of the models: a page for each, made of its class, its recipes, their networks and their scores."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

import zoo
from commands import catalogue
from zoo.networks import count_parameters

ROOT = Path(__file__).resolve().parents[1]
SCORES = {
    "fid": "FID", "kid": "KID", "inception_score": "Inception Score",
    "modified_inception_score": "modified Inception Score",
    "precision": "precision", "recall": "recall", "density": "density", "coverage": "coverage",
    "class_accuracy": "class accuracy",
}  # fmt: skip


def write(folder: Path) -> None:
    """Write a page for each model that has a paper's file, and their list, into a folder; none but changed files."""
    folder.mkdir(exist_ok=True)
    recipes = catalogue.load()["recipes"]
    models = sorted((cls for cls in map(zoo.__getattr__, zoo.__all__) if isinstance(cls, type)), key=by_name)
    pages = {
        cls.__name__.lower(): page(cls, [r for r in recipes if recipes[r]["model"] == cls.__name__]) for cls in models
    }
    pages["index"] = index(models, recipes)
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.is_file() or file.read_text() != text:
            file.write_text(text)
    for file in folder.glob("*.md"):
        if file.stem not in pages:
            file.unlink()


def by_name(cls: type) -> str:
    """Return what models are sorted by."""
    return cls.__name__.lower()


def index(models: list[type], recipes: dict[str, Any]) -> str:
    """Return the list of the models, with their recipes and the number of weights."""
    lines = [
        "# The models",
        "",
        "Parameters of generator and critic as the sources count them; `ganzoo list` shows the same.",
        "",
    ]
    lines += ["| model | recipe | data | generator | critic | paper |", "| --- | --- | --- | --- | --- | --- |"]
    for cls in models:
        rows = [row for row in recipes.values() if row["model"] == cls.__name__] or [None]
        for row in rows:
            cells = [f"[{cls.__name__}]({cls.__name__.lower()}.md)"]
            cells += ["", "", "", ""] if row is None else [
                row["name"], row["data"], f"{row['generator_parameters']:,}", f"{row['critic_parameters']:,}",
            ]  # fmt: skip
            lines.append("| " + " | ".join([*cells, paper(cls)]) + " |")
    names = "\n".join(cls.__name__.lower() for cls in models)
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", names, "```", ""])


def paper(cls: Any) -> str:
    """Return a link to a model's paper."""
    return f"[{cls.paper}](https://arxiv.org/abs/{cls.paper.removeprefix('arXiv:')})"


def page(cls: Any, recipes: list[str]) -> str:
    """Return the page of a model."""
    title = (importlib.import_module(cls.__module__).__doc__ or "").splitlines()[0]
    lines = [
        f"# {cls.__name__}",
        "",
        title,
        "",
        f"Paper: {paper(cls)}. Code: `{cls.__module__.replace('.', '/')}.py`.",
        "",
    ]
    lines += ["| player | minimises |", "| --- | --- |"]
    for name in ("critic", "generator"):
        lines.append(f"| {name} | `{equation(getattr(cls, f'{name}_loss'))}` |")
    lines += [
        "",
        "```{eval-rst}",
        f".. autoclass:: {cls.__module__}.{cls.__name__}",
        "   :no-members:",
        "   :no-index:",
        "```",
        "",
    ]
    if not recipes:
        lines += ["No recipe ships for this class: give it data and options of your own.", ""]
    return "\n".join(lines + [line for name in recipes for line in recipe(name)])


def equation(loss: Any) -> str:
    """Return what a loss computes, from the first line of its docstring."""
    first = (loss.__doc__ or "").strip().splitlines()[0]
    return first.removeprefix("Compute ").rstrip(".").replace("|", "\\|")


def recipe(name: str) -> list[str]:
    """Return a recipe's part of its model's page: samples, scores, command, YAML, networks."""
    lines = [f"## {name}", ""]
    if (ROOT / "docs" / "images" / f"{name}.png").is_file():
        lines += [f"![samples of {name}](../images/{name}.png)", ""]
    lines += scores(name)
    if (ROOT / "zoo" / "hub" / "pretrained" / name).is_dir():
        lines += [
            f'A trained one ships: `zoo.from_pretrained("{name}")`, `ganzoo sample {name} --grid --out samples`.',
            "",
        ]
    lines += ["```", f"ganzoo fit --config {name}", f"ganzoo test --config {name} --ckpt_path last", "```", ""]
    lines += [f"```{{literalinclude}} ../../configs/{name}.yaml", ":language: yaml", "```", ""]
    _, built = catalogue.parts(name)
    for part in ("generator", "critic"):
        network = getattr(built, part)
        lines += [f"{part.capitalize()}, {count_parameters(network):,} parameters:", "", *layers(network), ""]
    return lines


def scores(name: str) -> list[str]:
    """Return a recipe's scores beside those of real images, where they are kept."""
    file = ROOT / "docs" / "scores" / f"{name}.json"
    if not file.is_file():
        return ["No scores are kept yet.", ""]
    result = json.loads(file.read_text())
    held = {key: result["scores"][key] for key in SCORES if key in result["scores"]}
    lines = [
        f"Scores at step {result['step']:,}, of {result['samples']:,} samples, by the scorer `{result['scorer']}`:",
        "",
    ]
    lines += ["| score | generated | real |", "| --- | --- | --- |"]
    for key, each in held.items():
        values = ["-" if each[kind] is None else f"{each[kind]:.3g}" for kind in ("generated", "real")]
        lines.append(f"| {SCORES[key]} | {values[0]} | {values[1]} |")
    return [*lines, ""]


def layers(network: nn.Module) -> list[str]:
    """Return a network's layers with weights as a table: name, kind, shape of the weight, parameters."""
    lines = ["| layer | kind | weight | parameters |", "| --- | --- | --- | --- |"]
    for name, module in network.named_modules():
        own = list(module.parameters(recurse=False))
        if own and not name.startswith("parametrizations") and ".parametrizations" not in name:
            shape = " x ".join(map(str, max(own, key=torch.Tensor.numel).shape))
            kind = type(module).__name__.removeprefix("Parametrized")
            lines.append(f"| `{name or 'itself'}` | {kind} | {shape} | {sum(p.numel() for p in own):,} |")
    return lines
