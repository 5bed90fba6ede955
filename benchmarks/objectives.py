"""Objectives on equal terms: the same small networks, the same CPU seconds, rates tuned alike, three seeds.

    python -m benchmarks.objectives                   # what is not in docs/results/objectives.csv yet
    python -m benchmarks.objectives --report          # docs/results/objectives.md of that file

Each run is `ganzoo fit` on MNIST in float32 on one thread, for a budget of the process' own time with validations left
out, and `ganzoo test` of its last checkpoint with 10,000 samples by the averaged generator. First each objective is
tried with each of RATES and seed 0 for a third of the budget: the rate with the least FID is its own. Critic steps and
penalties' weights are those of each paper's class here. A run that is there is not run again; one that was stopped
begins anew.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "results" / "objectives.csv"
RATES = 2e-4, 1e-3, 2e-3
SEEDS = 0, 1, 2
PLAYERS = "critic_optimizer", "generator_optimizer"
COMMON = {"network": "small_conv", "latent_dim": 64, "average": {"name": "steps", "decay": 0.999}}
OBJECTIVES: dict[str, tuple[str, dict[str, Any], list[float]]] = {  # class, its options, betas of Adam
    "GAN": ("GAN", {}, [0.5, 0.999]),
    "LSGAN": ("LSGAN", {}, [0.5, 0.999]),
    "hinge": ("HingeGAN", {}, [0.5, 0.999]),
    "hinge, R1": ("HingeGAN", {"regularisers": [{"name": "r1", "gamma": 0.5, "every": 8}]}, [0.0, 0.99]),
    "WGAN": ("WGAN", {}, [0.0, 0.9]),
    "WGAN-GP": ("WGANGP", {}, [0.0, 0.9]),
    "DRAGAN": ("DRAGAN", {}, [0.5, 0.9]),
    "RSGAN": ("RSGAN", {}, [0.5, 0.999]),
    "RaSGAN": ("RaGAN", {}, [0.5, 0.999]),
    "R3GAN": ("R3GAN", {"gamma": 0.5, "penalty_every": 8}, [0.0, 0.99]),
}
SCORES = ["fid", "kid", "inception_score", "modified_inception_score", "precision", "recall", "density", "coverage"]
FIELDS = ["objective", "rate", "seed", "seconds", "steps", "images", *SCORES, "machine", "torch"]
PAGE = """# Objectives on equal terms

MNIST, the networks `small_conv` (generator 281,092 parameters, critic 30,129), batches of 64, Adam, the averaged
generator; {seconds:g} CPU seconds of training each on one thread; 10,000 samples through the scorer `mnist`. The rate
is that of {rates} with the least FID of 2,000 samples after a third of the time, seed 0. Mean and standard deviation
over the seeds. `python -m benchmarks.objectives` runs what is missing; [all rows](objectives.csv).

| objective | rate | seeds | steps | FID | IS | precision | recall | coverage |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


class Budget(Callback):
    """End training when the process has trained for some seconds of its own time.

    Args:
        seconds: of the process' time, from the first step on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begun = seconds, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.begun = time.process_time()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Look at the clock."""
        trainer.should_stop = trainer.should_stop or time.process_time() - self.begun >= self.seconds


def run(objective: str, rate: float, seed: int, seconds: float, samples: int) -> dict[str, Any]:
    """Train and test in processes of their own; return the row."""
    cls, options, betas = OBJECTIVES[objective]
    adam = {"name": "adam", "lr": rate, "betas": betas}
    model = {"class_path": f"zoo.{cls}", "init_args": COMMON | options | dict.fromkeys(PLAYERS, adam)}
    budget = {"class_path": "benchmarks.objectives.Budget", "init_args": {"seconds": seconds}}
    recipe: dict[str, Any] = {"seed_everything": seed, "model": model, "loggers": ["csv"]}
    recipe["data"] = {"class_path": "datamodules.MNISTDataModule", "init_args": {"batch_size": 64}}
    recipe["trainer"] = {"max_steps": 10**7, "limit_val_batches": 0, "callbacks": [budget]}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "run.yaml").write_text(json.dumps(recipe))
        ganzoo(folder, "fit")
        ganzoo(folder, "test", "--ckpt_path=last", f"--scores.num_samples={samples}", "--trainer.callbacks=[]")
        (file,) = Path(folder).glob("runs/run/*/scores.json")
        result = json.loads(file.read_text())
        environment = (file.parent / "environment.yaml").read_text()
    row = {"objective": objective, "rate": rate, "seed": seed, "seconds": seconds, "steps": result["step"]}
    row["images"] = result["step"] * 64
    row |= {name: round(result["scores"][name]["generated"], 5) for name in SCORES}
    version = next(line for line in environment.splitlines() if line.startswith("torch:")).split()[1]
    return row | {"machine": processor(), "torch": version}


def ganzoo(folder: str, command: str, *argv: str) -> None:
    """Run a command of ganzoo in a folder, on one thread; end with what it said where it fails."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "cli", command, "--config=run.yaml", *argv]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def processor() -> str:
    """Return the processor's name."""
    if not Path("/proc/cpuinfo").is_file():
        return platform.processor()
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()


def rows() -> list[dict[str, str]]:
    """Return what was run."""
    if not FILE.is_file():
        return []
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def held(objective: str, rate: float, seed: int, seconds: float) -> dict[str, str] | None:
    """Return the row of a run that is there."""
    key = objective, rate, seed, seconds
    same = (r for r in rows() if (r["objective"], float(r["rate"]), int(r["seed"]), float(r["seconds"])) == key)
    return next(same, None)


def run_once(objective: str, rate: float, seed: int, seconds: float, samples: int) -> dict[str, Any]:
    """Return the row of a run, which is run and kept if it is not there."""
    if row := held(objective, rate, seed, seconds):
        return dict(row)
    row = run(objective, rate, seed, seconds, samples)
    FILE.parent.mkdir(exist_ok=True)
    is_new = not FILE.is_file()
    with FILE.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(f"{objective}, rate {rate:g}, seed {seed}, {seconds:g} s: FID {row['fid']}", flush=True)
    return dict(row)


def own_rate(objective: str, seconds: float) -> float:
    """Return the rate of RATES with the least FID after a third of the budget."""
    tried = {rate: run_once(objective, rate, SEEDS[0], seconds / 3, samples=2000) for rate in RATES}
    return min(tried, key=lambda rate: float(tried[rate]["fid"]))


def report() -> str:
    """Return the page of the results: means and standard deviations over the seeds, best first."""
    longest = max((float(row["seconds"]) for row in rows()), default=0.0)
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows():
        if float(row["seconds"]) == longest:
            groups.setdefault(row["objective"], []).append(row)
    rates = ", ".join(f"{rate:g}" for rate in RATES)
    lines = PAGE.format(seconds=longest, rates=rates).splitlines()
    shown = ["steps", "fid", "inception_score", "precision", "recall", "coverage"]
    for name, group in sorted(groups.items(), key=lambda each: np.mean([float(row["fid"]) for row in each[1]])):
        cells = [name, f"{float(group[0]['rate']):g}", str(len(group)), *(spread(group, key) for key in shown)]
        lines.append("| " + " | ".join(cells) + " |")
    machines = sorted({row["machine"] for group in groups.values() for row in group})
    return "\n".join([*lines, "", f"Machine: {', '.join(machines)}.", ""])


def spread(group: list[dict[str, str]], key: str) -> str:
    """Return mean and standard deviation of a column; of steps the mean alone."""
    values = [float(row[key]) for row in group]
    if key == "steps":
        return f"{np.mean(values):,.0f}"
    deviation = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    return f"{np.mean(values):.3g}{deviation}"


def main() -> None:
    """Run what is missing, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180.0, help="the budget, of the process' time")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--only", nargs="*", choices=[*OBJECTIVES], default=[*OBJECTIVES])
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args()
    if given.report:
        (FILE.parent / "objectives.md").write_text(report())
        return
    for seed in SEEDS:
        for objective in given.only:
            rate = own_rate(objective, given.seconds)
            run_once(objective, rate, seed, given.seconds, given.samples)


if __name__ == "__main__":
    main()
