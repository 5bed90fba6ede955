"""HTML pages as tests read them, and run folders made by hand to report on."""

import json
from html.parser import HTMLParser

import numpy as np
import yaml
from PIL import Image

VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """A page's elements, each with its attributes and its own text; anything that is not well-formed is an error."""

    def __init__(self, content):
        super().__init__()
        self.stack, self.elements = [], []
        assert content.startswith("<!DOCTYPE html>\n")
        self.feed(content)
        self.close()
        assert not self.stack, self.stack

    def handle_starttag(self, tag, attrs):
        """Open one."""
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.stack.append(self.elements[-1])

    def handle_endtag(self, tag):
        """Close the one that is open."""
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        """Add to all that are open."""
        for _, _, text in self.stack:
            text.append(data)

    def all(self, tag):
        """Return the attributes and the text of all elements of a name."""
        return [(attributes, "".join(text)) for name, attributes, text in self.elements if name == tag]

    def table(self, caption):
        """Return the rows of a table, as lists of text."""
        rows, inside = [], False
        for name, _, text in self.elements:
            shown = "".join(text)
            if name == "table":
                inside = shown.startswith(caption)
            elif inside and name == "tr":
                rows.append([])
            elif inside and name in ("th", "td"):
                rows[-1].append(shown)
        return rows


def write_run(folder, settings=None, **files):
    """Make a run's folder: eight steps of a loss and a score, a test's scores, three grids; return it."""
    (folder / "samples").mkdir(parents=True)
    config = {"seed_everything": 0, "model": {"class_path": "zoo.GAN", "init_args": {"latent_dim": 8}}}
    config["trainer"] = {"default_root_dir": "/home/somebody"}
    rows = [f"{step},{1 / step},{10 / step if step % 2 == 0 else ''}" for step in range(1, 9)]
    scores = {"fid": {"generated": 1.25, "real": 0.5}, "precision": {"generated": 0.75, "real": None}}
    result = {"checkpoint": "/home/somebody/last.ckpt", "step": 8, "samples": 100, "scorer": "mnist", "scores": scores}
    contents = {
        "config.yaml": yaml.safe_dump(config | (settings or {})),
        "environment.yaml": yaml.safe_dump({"torch": "2.9", "command": "ganzoo fit --config tiny --name somewhere"}),
        "metrics.csv": "\n".join(["step,train/critic_loss,val/fid", *rows]),
        "scores.json": json.dumps(result),
        "log.txt": "2026-01-01 00:00:00,000 INFO ended at step 8: max_steps 8 reached\n",
    }
    for name, text in (contents | files).items():
        if text is not None:
            (folder / name).write_text(text)
    for number, name in enumerate(["step_0000001", "step_0000008", "real"]):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "samples" / f"{name}.png")
    return folder


def contrast(one, other):
    """Return the ratio of two colours' luminances, as WCAG has it; both as `rgb(r, g, b)`."""
    light = []
    for colour in (one, other):
        parts = [int(each) / 255 for each in colour[4:-1].split(",")[:3]]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)
