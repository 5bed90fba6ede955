"""A bundle's `README.md`: a model card, with the metadata block that huggingface_hub's ModelCard reads."""

from typing import Any, NamedTuple

import yaml

from zoo.hub.config import classes_of


class DataSet(NamedTuple):
    """A data set on a card: its full name, its licence, and its name on the Hugging Face hub."""

    name: str
    licence: str
    hub: str | None = None


DATA = {
    "MNIST": DataSet("MNIST (LeCun, Cortes and Burges 1998)", "CC BY-SA 3.0", "ylecun/mnist"),
    "Digits": DataSet("optical recognition of handwritten digits (Alpaydin and Kaynak, UCI 1998)", "CC BY 4.0"),
    "Flowers": DataSet("TensorFlow's flower photographs", "CC BY 2.0, each its photographer's"),
    "Toy": DataSet("points drawn from a formula", "none needed"),
}
#: Scores in a card's table, in this order; `config.json` has them all.
SHOWN = (
    "fid", "kid", "inception_score", "modified_inception_score", "precision", "recall", "class_accuracy",
    "sliced_wasserstein",
)  # fmt: skip


def card(config: dict[str, Any], size: int) -> str:
    """Return a model card.

    Args:
        config: of the bundle.
        size: of its weights, in bytes.
    """
    name = config["recipe"] or config["class"]
    parts = [f"# {name}", what_it_is(config, size), "![samples](samples.png)", use(config), training(config)]
    parts += [scores(config["scores"]), limits(config)]
    block = yaml.safe_dump(metadata(config, name), sort_keys=False, allow_unicode=True)
    return f"---\n{block}---\n\n" + "\n\n".join(parts) + "\n"


def metadata(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the block at the top of a card."""
    known = DATA.get(config["data"])
    conditional = bool(classes_of(config["hyperparameters"]))
    block: dict[str, Any] = {
        "library_name": "ganzoo",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "image-generation", "pytorch-lightning", config["class"].lower()],
    }
    if conditional:
        block["tags"].append("class-conditional")
    if known and known.hub:
        block["datasets"] = [known.hub]
    if config["scores"]:
        generated = config["scores"]["generated"]
        shown = [{"type": key, "value": round(generated[key], 4)} for key in SHOWN if key in generated]
        result = {
            "task": {"type": "unconditional-image-generation"},
            "dataset": {"name": config["data"] or "own", "type": (known.hub if known else None) or "own"},
            "metrics": shown,
        }
        block["model-index"] = [{"name": name, "results": [result]}]
    return block


def what_it_is(config: dict[str, Any], size: int) -> str:
    """Return the first paragraph."""
    shape = "x".join(map(str, config["hyperparameters"].get("image_shape", [])))
    generator = {"average": "the moving average of the one that was trained", "trained": "as it was trained"}
    held = generator.get(config["weights"]["generator"], "as it was trained, and its moving average beside it")
    return (
        f"{a_or_an(config['class'])} of ganzoo {config['ganzoo']} for {shape} images. Generator ({held}), prior and "
        f"critic are in `model.safetensors`: {size / 1e6:.2f} MB, {config['weights']['precision']}."
    )


def a_or_an(name: str) -> str:
    """Return a class's name with its article."""
    return f"An {name}" if name[:1] in "AEIOFLMNRSX" and name[:2].isupper() else f"A {name}"


def use(config: dict[str, Any]) -> str:
    """Return how to make images."""
    labels = " --labels 0,1" if classes_of(config["hyperparameters"]) else ""
    return (
        f"## Use\n\n```\nganzoo sample FOLDER --seeds 0-63{labels} --grid --out samples\n```\n\n"
        "```python\nimport zoo\n\n"
        'model = zoo.from_pretrained("FOLDER")\nimages = model.sample(16)  # [16, C, H, W] in [-1, 1]\n```'
    )


def training(config: dict[str, Any]) -> str:
    """Return what it was trained on, for how long, and by which command."""
    known = DATA.get(config["data"])
    data = known.name if known else config["data"] or "not recorded"
    rows = [("data", data), ("licence of the data", known.licence if known else "its owner's to say")]
    seen, command = config["images"], config["command"]
    rows += [("steps", f"{config['step']:,}"), ("images seen", f"{seen:,}" if seen else "not recorded")]
    rows += [("recipe", config["recipe"] or "none"), ("command", f"`{command}`" if command else "not recorded")]
    return "## Training\n\n| | |\n| --- | --- |\n" + "\n".join(f"| {key} | {one_line(value)} |" for key, value in rows)


def one_line(text: str) -> str:
    """Return text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def scores(held: dict[str, Any] | None) -> str:
    """Return the table of scores with their protocol."""
    if not held:
        return "## Scores\n\nNot scored. `ganzoo test --ckpt_path CKPT`, then `ganzoo bundle CKPT`, puts scores here."
    generated, real = held["generated"], held["real"]
    if held.get("split") == "val":
        return validated(held)
    rows = [f"| {key} | {generated[key]:.4f} | {number(real.get(key))} |" for key in SHOWN if key in generated]
    return (
        f"## Scores\n\nOf {held['samples']:,} generated images against as many held-out ones, {by_scorer(held)}; "
        "`real`: training images in the place of generated ones, the score to hope for. "
        "Comparable with each other, never with numbers from the Inception network.\n\n"
        "| score | generated | real |\n| --- | --- | --- |\n" + "\n".join(rows)
    )


def validated(held: dict[str, Any]) -> str:
    """Return the table of a validation's scores, by which the weights were chosen."""
    rows = [f"| {key} | {held['generated'][key]:.4f} |" for key in SHOWN if key in held["generated"]]
    return (
        f"## Scores\n\nOf {held['samples']:,} generated images against as many of validation, {by_scorer(held)}. These "
        "weights were chosen by them among those of the run's validations: a test's scores are a little worse. "
        "Comparable with each other, never with numbers from the Inception network.\n\n"
        "| score | generated |\n| --- | --- |\n" + "\n".join(rows)
    )


def by_scorer(held: dict[str, Any]) -> str:
    """Return what looked at the images."""
    return f"through the scorer `{held['scorer']}` of ganzoo" if held["scorer"] else "pixel by pixel"


def number(value: float | None) -> str:
    """Return a score as text; nothing without one."""
    return "" if value is None else f"{value:.4f}"


def limits(config: dict[str, Any]) -> str:
    """Return what it is for, and what it is not."""
    return (
        "## Intended use and limits\n\nFor learning, for tests and as a baseline. It makes images like those of its "
        "data and no others, may repeat some of them closely, has whatever bias they have, and was checked for nothing "
        "but the scores above."
    )
