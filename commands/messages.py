"""Messages that need no import of torch: help, versions, suggestions for mistyped names."""

import difflib
import re
import sys
import textwrap
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NoReturn

from commands import catalogue

COMMANDS = {
    "fit": "train a model: ganzoo fit --config quickstart, or on a folder of pictures: ganzoo fit photos/",
    "test": "score a trained model on test data: ganzoo test --config quickstart --ckpt_path last",
    "validate": "score it on validation data",
    "predict": "make images: ganzoo predict --config quickstart --ckpt_path best",
    "sample": "make images of a trained model by seed: ganzoo sample acgan_mnist --seeds 0-63 --out samples",
    "pretrained": "the models that ship with the zoo",
    "bundle": "a checkpoint as a folder of plain files, to keep or to send",
    "push": "a bundle to the Hugging Face hub: ganzoo push runs/quickstart/TIME OWNER/NAME",
    "interpolate": "the way from one seed or label to the next, as a GIF: ganzoo interpolate acgan_mnist --out way.gif",
    "explore": "planes of images as one page, to be dragged through: ganzoo explore acgan_mnist --out explore.html",
    "project": "the latent of a picture: ganzoo project acgan_mnist seven.png --out seven",
    "neighbours": "samples beside their nearest training images: what is learnt by heart is seen",
    "export": "a generator as ONNX, pt2 or safetensors, to run without ganzoo",
    "report": "runs as one page, to read and to compare: ganzoo report RUN... --out report.html",
    "sweep": "a run for each seed and value, for W&B or a shell: ganzoo sweep --config quickstart --out sweep.yaml",
    "list": "the recipes, with their models, papers and parameter counts",
    "scorer": "train a classifier of your own to score with",
}
SYNONYMS = {"train": "fit", "run": "fit", "eval": "test", "evaluate": "test", "score": "test"}
SYNONYMS |= {"generate": "sample", "recipes": "list", "ls": "list", "val": "validate"}
#: Commands whose own parser answers --help.
OWN_HELP = COMMANDS.keys() - {"fit", "test", "validate", "predict"}
HELP = "-h", "--help", "help"

# In messages: what was given, and what could have been. Lightning's and jsonargparse's forms are among them.
GIVEN = re.compile(r"(?:got|is called|[Gg]ot value:|Given value:|no option|accelerator=|strategy=) ?'?([\w.-]+)")
LISTED = re.compile(
    r"(?:must be one of|give one of|the recipes are:|it takes:|[Aa]vailable names are:|choices:) ([\w, ]+)"
    r"|Literal\[([^]]+)\]"
)


def print_help(argv: list[str]) -> bool:
    """Print help or the version if that is asked for; return whether. End with status 2 for an unknown command."""
    if not argv:
        *others, last = COMMANDS
        fail(2, f"say what to do: {', '.join(others)} or {last}, e.g. ganzoo fit --config quickstart")
    if argv[0] in HELP:
        print(overview())
    elif argv[0] in ("--version", "-V", "version"):
        print(f"ganzoo {own_version()}")
    elif argv[0] not in COMMANDS:
        if argv[0] in catalogue.names():
            fail(2, f"{argv[0]} is a recipe: ganzoo fit --config {argv[0]}")
        near = SYNONYMS.get(argv[0]) or next(iter(difflib.get_close_matches(argv[0], COMMANDS, 1)), None)
        hint = f"did you mean {near}? " if near else ""
        fail(2, f"no command is called {argv[0]!r}: {hint}there are {', '.join(COMMANDS)}")
    elif argv[0] not in OWN_HELP and any(argument in HELP[:2] for argument in argv):
        print(screen(argv[0]))
    elif argv[0] not in OWN_HELP and len(argv) > 1 and argv[1] in catalogue.names():
        here = f" or, for the folder, ganzoo {argv[0]} ./{argv[1]}" if Path(argv[1]).is_dir() else ""
        fail(2, f"{argv[1]} is a recipe: did you mean ganzoo {argv[0]} --config {argv[1]}{here}?")
    else:
        argv[:] = ["--help" if argument == "--help-all" else argument for argument in argv]
        return False
    return True


def own_version() -> str:
    """Return the version that is installed."""
    try:
        return version("ganzoo-lightning")
    except PackageNotFoundError:  # run from a checkout
        return "(not installed)"


def overview() -> str:
    """Return what `ganzoo --help` says."""
    lines = ["usage: ganzoo COMMAND ...", "", "GANs, by recipe.", ""]
    lines += [f"  {name:12}{what}" for name, what in COMMANDS.items()]
    lines += ["", "ganzoo COMMAND --help    what people change", "ganzoo COMMAND --help-all    every option"]
    return "\n".join(
        [*lines, "ganzoo --version", "--debug with any command shows where in the code an error was found"]
    )


def screen(command: str) -> str:
    """Return one screen of what people change; the names in it are the catalogue's."""
    known = catalogue.load()
    rows = [
        ("--config RECIPE", "a recipe (ganzoo list) or a file; a second one changes the first"),
        ("--model CLASS", f"{', '.join(known['models'])}, or my_module.MyGAN in the current folder"),
        ("--model.init_args.network NAME", ", ".join(known["networks"])),
        ("--model.init_args.generator_options.KEY VALUE", "of the network; critic_options likewise"),
        ("--model.init_args.prior NAME", ", ".join(known["priors"])),
        ("--model.init_args.schedule NAME", ", ".join(known["schedules"])),
        ("--model.init_args.critic_steps N", "critic updates in a step"),
        (
            "--model.init_args.generator_optimizer.lr X",
            "'{name: adam, lr: X}' where the recipe has none; and critic_optimizer",
        ),
        ("--data CLASS", f"{', '.join(known['data'])}, or my_module.MyData"),
        ("--data.init_args.batch_size N", "images per critic update and process"),
        ("--data.init_args.data_dir DIR", "where data sets lie; $GANZOO_DATA, or data/"),
        ("--trainer.max_steps N", "generator updates"),
        ("--trainer.devices N", "processes or accelerators; --trainer.accelerator cpu or gpu"),
        ("--trainer.val_check_interval N", "steps between validations, a share of the run by default"),
        ("--model.init_args.average DICT", "'{name: steps, decay: 0.999}' averages the generator"),
        ("--scores.scorer NAME", f"{', '.join(known['scorers'])}, or a file of ganzoo scorer"),
        ("--image_grid.every_n_steps N", "steps between pictures"),
        ("--loggers [A,B]", "wandb, csv, tensorboard"),
        ("--init_from SOURCE", "begin with weights of a bundle, checkpoint, run or shipped name"),
        ("--ckpt_path FILE", "or last, best; for fit also auto: resume if possible"),
        ("--seed_everything N", "0 unless given"),
        ("--print_config", "the whole configuration, nothing is run"),
        ("--model.help CLASS", "all arguments of a model; --data.help CLASS likewise"),
        (f"ganzoo {command} --help-all", "every option, Lightning's Trainer's too"),
    ]
    lines = [f"usage: ganzoo {command} --config RECIPE | FOLDER [--option value ...]", "", COMMANDS[command], ""]
    width = max(len(option) for option, _ in rows) + 2
    for option, what in rows:
        first, *others = textwrap.wrap(what, 112 - width)
        lines += [f"  {option:{width}}{first}", *(f"  {'':{width}}{other}" for other in others)]
    return "\n".join(lines)


def meant(given: str, known: Iterable[str], form: str = "{}") -> str:
    """Return `did you mean ...?` for the nearest of the known names, nothing where none is near."""
    near = nearest(given, known)
    return f"did you mean {form.format(near)}?" if near else ""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the nearest of the known names, compared without case, underscores and dashes; None if none is near."""
    plain: dict[str, str] = {}
    for name in known:
        plain.setdefault(simple(name), name)
    near = difflib.get_close_matches(simple(given), plain, 1, 0.66)
    near = near or [name for name in plain if len(given) > 2 and name.startswith(simple(given))]
    return plain[near[0]] if near else None


def simple(name: str) -> str:
    """Return a name as it is compared: small letters, digits and dots."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def with_suggestion(message: str) -> str:
    """Return a message that lists what could have been given, with the nearest of it to what was given."""
    given, listed = GIVEN.search(message), LISTED.findall(message)
    if not (given and listed) or "did you mean" in message:
        return message
    hint = meant(given[1], re.findall(r"[\w-]+", " ".join(a or b for a, b in listed)))
    return f"{message}; {hint}" if hint else message


def fail(status: int, message: str) -> NoReturn:
    """End with one line."""
    print("ganzoo: error:", *with_suggestion(message).split(), file=sys.stderr)
    raise SystemExit(status)
