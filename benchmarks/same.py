"""Compare two checkouts: every recipe's losses, scores, pictures and weights, bit by bit, and its cost.

    python -m benchmarks.same --before ../old
    python -m benchmarks.same --before ../old --recipes gan_toy quickstart --rounds 7

Each recipe is fitted, tested and sampled for a few steps by the command line of either checkout, in a process of its
own. Weights are compared by their place, so that a move may rename them. Ends with status 1 if anything differs.
With `--rounds`, the two also take turns at more steps, and the ratio of their CPU time per step is printed: the median
over the rounds, with the least and the greatest. MNIST and flowers are looked for in $GANZOO_DATA.
"""

import argparse
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

HERE = Path(__file__).parent.parent

# A callback for Lightning's command line, in a module of its own that both checkouts can import.
CLOCK = """
import time
from lightning.pytorch import Callback

class StepClock(Callback):
    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == trainer.max_steps // 4:
            self.begin = time.process_time()
        if trainer.global_step == trainer.max_steps:
            steps = trainer.max_steps - trainer.max_steps // 4
            print("seconds per step:", (time.process_time() - self.begin) / steps)
"""


def run(checkout: Path, argv: list[str], folder: Path) -> str:
    """Run one command of a checkout's `ganzoo`, at home in `folder`. Return what it printed; raise where it failed."""
    paths = os.pathsep.join([str(checkout), str(folder)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "GANZOO_CACHE": str(folder)}
    command = [sys.executable, "-c", "import sys; from cli import main; main(sys.argv[1:])", *argv]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{checkout}: ganzoo {' '.join(argv)}: {done.stderr[-2000:]}")
    return done.stdout


def outcome(checkout: Path, recipe: str, steps: int, batch: int | None, folder: Path) -> dict[str, Any]:
    """Fit, test and sample a recipe. Return what came of it, by name: text, digests of pictures and of weights."""
    common = ["--config", str(HERE / "configs" / f"{recipe}.yaml"), "--loggers", "[csv]"]
    common += [] if batch is None else ["--data.init_args.batch_size", str(batch)]
    few = ["--trainer.limit_val_batches", "2", "--trainer.limit_test_batches", "2"]
    trainer = ["--trainer.max_steps", str(steps), "--trainer.log_every_n_steps", "1"]
    validation = ["--trainer.val_check_interval", str(steps // 2), "--scores.every_n_steps", str(steps // 2)]
    run(checkout, ["fit", *common, *few[:2], *trainer, *validation], folder)
    run(checkout, ["test", *common, *few, "--ckpt_path", "last"], folder)
    run(checkout, ["predict", *common, "--ckpt_path", "last"], folder)
    (home,) = (folder / "runs" / recipe).iterdir()
    found: dict[str, Any] = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if path.suffix in (".png", ".gif"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name == "metrics.csv":
            found |= {f"{name}, row {i}": row for i, row in enumerate(metrics(path))}
        elif path.name == "scores.json":
            found[name] = {key: each for key, each in json.loads(path.read_text()).items() if key != "checkpoint"}
    saved = torch.load(home / "checkpoints" / "last.ckpt", weights_only=True)
    for kind in ("state_dict", "optimizer_states"):
        found |= {f"{kind}, tensor {i}": digest(each) for i, each in enumerate(tensors(saved[kind]))}
    return found


def metrics(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV log, less what depends on the clock and the machine."""
    clock = "second", "memory", "epoch"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if v and not any(word in k for word in clock)} for row in rows]


def tensors(value: Any) -> list[Tensor]:
    """Return the tensors in nested dictionaries and lists, in their order."""
    if isinstance(value, Tensor):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [each for child in children for each in tensors(child)]


def digest(tensor: Tensor) -> str:
    """Return a hash of a tensor's shape, type and bytes."""
    content = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{tuple(tensor.shape)}{tensor.dtype}".encode() + content).hexdigest()


def seconds(checkout: Path, recipe: str, steps: int, folder: Path) -> float:
    """Return the CPU seconds of one training step, over the last three quarters of a short run."""
    (folder / "step_clock.py").write_text(CLOCK)
    argv = ["fit", "--config", str(HERE / "configs" / f"{recipe}.yaml"), "--loggers", "[csv]"]
    argv += ["--trainer.max_steps", str(steps), "--trainer.val_check_interval", str(10 * steps)]
    argv += ["--scores.every_n_steps", str(10 * steps), "--trainer.limit_val_batches", "0"]
    argv += ["--trainer.callbacks+=step_clock.StepClock", "--last_checkpoint.every_n_steps", str(10 * steps)]
    return float(run(checkout, argv, folder).split("seconds per step:")[1].split()[0])


def compare(recipe: str, before: Path, after: Path, args: argparse.Namespace) -> bool:
    """Print a recipe's row. Return whether both checkouts did the same."""
    model = yaml.safe_load((HERE / "configs" / f"{recipe}.yaml").read_text())["model"]["init_args"]
    batch = 8 if "conv" in model.get("network", "") and model["network"] != "deligan_conv" else None
    with tempfile.TemporaryDirectory() as old, tempfile.TemporaryDirectory() as new:
        theirs = outcome(before, recipe, args.steps, batch, Path(old))
        ours = outcome(after, recipe, args.steps, batch, Path(new))
    different = [name for name in theirs if theirs[name] != ours.get(name)] + sorted(set(ours) - set(theirs))
    line = (
        f"differ: {len(different)} of {len(theirs)}: " + ", ".join(different[:3])
        if different
        else f"{len(theirs)} alike"
    )
    print(f"{recipe:24} {line}", end="", flush=True)
    ratios = []
    for turn in range(args.rounds):
        with tempfile.TemporaryDirectory() as old, tempfile.TemporaryDirectory() as new:
            pair = [(before, Path(old)), (after, Path(new))]
            cost = {checkout: seconds(checkout, recipe, args.turn, home) for checkout, home in pair[:: (-1) ** turn]}
        ratios.append(cost[after] / cost[before])
    if ratios:
        print(f"; CPU time {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})", end="")
    print(flush=True)
    return not different


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--after", type=Path, default=HERE, help="this one, unless given")
    parser.add_argument("--recipes", nargs="*", default=sorted(path.stem for path in (HERE / "configs").glob("*.yaml")))
    parser.add_argument("--steps", type=int, default=6, help="that are compared; an even number")
    parser.add_argument("--rounds", type=int, default=0, help="turns at the clock; 0 compares results only")
    parser.add_argument("--turn", type=int, default=400, help="steps of a turn")
    args = parser.parse_args()
    before, after = args.before.resolve(), args.after.resolve()
    alike = [compare(recipe, before, after, args) for recipe in args.recipes]
    raise SystemExit(not all(alike))


if __name__ == "__main__":
    main()
