"""Compare the scores of shipped bundles with those of the runs that they come from, to the printed digits.

python -m benchmarks.shipped --data_dir data [--names acgan_mnist]
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer, seed_everything

import datamodules
import zoo
from callbacks import Scores
from datamodules.images import default_data_dir
from zoo.hub import shipped

#: Scores that the README prints, and how many digits after the point.
PRINTED = {"fid": 2, "inception_score": 2, "modified_inception_score": 2, "precision": 2, "recall": 2}


def scores_of(name: str, data_dir: str, samples: int) -> dict[str, float]:
    """Return the scores of a shipped bundle, as `ganzoo test` computes them."""
    row = next(row for row in shipped.rows() if row["name"] == name)
    data: Any = getattr(datamodules, f"{row['data']}DataModule")(data_dir=data_dir, batch_size=64)
    seed_everything(0)
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        scores = Scores(num_samples=samples)
        trainer = Trainer(accelerator="cpu", devices=1, default_root_dir=folder, callbacks=[scores], **options)
        trainer.test(zoo.from_pretrained(name), data, verbose=False)
        result = json.loads((Path(folder) / "scores.json").read_text())
    return {key: values["generated"] for key, values in result["scores"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default=os.fspath(default_data_dir()), help="the folder that holds MNIST/raw")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--names", nargs="*", default=shipped.names())
    args = parser.parse_args()
    for name in args.names:
        found = scores_of(name, args.data_dir, args.samples)
        said = json.loads((shipped.FOLDER / name / "config.json").read_text())["scores"]["generated"]
        print(f"\n{name}\n{'score':<30}{'run':>12}{'bundle':>12}")
        for key, value in said.items():
            digits = PRINTED.get(key)
            told = "" if digits is None else "  equal as printed" if equal(value, found[key], digits) else "  DIFFERS"
            print(f"{key:<30}{value:>12.4f}{found[key]:>12.4f}{told}", flush=True)


def equal(one: float, other: float, digits: int) -> bool:
    """Return whether two scores are printed alike."""
    return f"{one:.{digits}f}" == f"{other:.{digits}f}"


if __name__ == "__main__":
    main()
