"""Weights & Biases: what a run leaves for it, and that it never gets in the way."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image

from helpers.scorer import KEYS
from helpers.wandb_runs import history, log_of, records
from zoo.scores.directions import BEST

pytestmark = pytest.mark.usefixtures("fresh_wandb")

KEY = "0123456789" * 4


def test_a_run_holds_losses_scores_and_pictures_at_their_steps(run):
    folder = run("fit", "--loggers=[wandb]", "--wandb.log_model=true")
    rows = history(log_of(folder))
    steps = {name: [row["trainer/global_step"] for row in rows if name in row] for row in rows for name in row}
    for name in ("critic_loss", "generator_loss", "wasserstein", "gradient_penalty", "gradient_norm"):
        assert steps[f"train/{name}"] == [2, 4]
    assert steps["images_seen"] == steps["images_per_second"] == [2, 4]
    assert {name for name in KEYS if steps[f"val/{name}"] != [2, 4]} == set()
    pictures = [(row["trainer/global_step"], row) for row in rows if any(key.startswith("samples") for key in row)]
    assert [step for step, _ in pictures] == [1, 2, 4]
    for step, row in pictures:
        names = row.get("samples/filenames") or row["samples"]["filenames"]
        shown, drawn = log_of(folder).parent / "files" / names[0], folder / f"samples/step_{step:07d}.png"
        assert same_picture(shown, drawn)
    held = [record.artifact for record in records(log_of(folder)) if record.WhichOneof("record_type") == "artifact"]
    artifacts = {artifact.type: artifact for artifact in held}
    assert len(held) == len(artifacts) == 2
    check_table_by_step(artifacts["run_table"], rows, folder)
    check_model(artifacts["model"], folder)


def same_picture(path, other):
    with Image.open(path) as one, Image.open(other) as another:
        return bool((np.asarray(one) == np.asarray(another)).all())


def check_table_by_step(artifact, rows, folder):
    """A row for each picture: its step and the picture."""
    (row,) = (row for row in rows if any(key.startswith("by_step/samples") for key in row))
    assert row["trainer/global_step"] == 4
    files = {each.path: each.local_path for each in artifact.manifest.contents}
    table = json.loads(Path(files["by_step/samples.table.json"]).read_text())
    assert table["columns"] == ["step", "samples"]
    assert [step for step, _ in table["data"]] == [1, 2, 4]
    for step, shown in table["data"]:
        assert same_picture(files[shown["path"]], folder / f"samples/step_{step:07d}.png")


def check_model(artifact, folder):
    """The best checkpoint, as a file of the run's model."""
    assert artifact.name == f"model-{(folder / 'wandb_id.txt').read_text().strip()}"
    assert set(artifact.aliases) == {"best", "latest"}
    (file,) = artifact.manifest.contents
    assert Path(file.local_path).read_bytes() == (folder / "checkpoints/best.ckpt").read_bytes()


def test_the_summary_has_the_best_value_of_each_score_beside_its_last(run):
    log = log_of(run("fit", "--loggers=[wandb]", "--trainer.max_steps=6", "--trainer.val_check_interval=2"))
    rows, summary = history(log), {}
    for record in records(log):
        if record.WhichOneof("record_type") == "summary":
            summary |= {
                each.nested_key[0]: json.loads(each.value_json) for each in record.summary.update if each.nested_key
            }
    for name in KEYS:
        values = [row[f"val/{name}"] for row in rows if f"val/{name}" in row]
        assert len(values) == 3
        kept = {"last": values[-1]} | {way: {"min": min, "max": max}[way](values) for way in [BEST.get(name)] if way}
        assert summary[f"val/{name}"] == (kept if name in BEST else values[-1])


def test_a_test_leaves_a_table_with_its_scores_real_data_s_and_the_sample_grid(run):
    folder = run("fit", "--loggers=[csv]")
    run("test", "--loggers=[wandb]", "--ckpt_path=last")
    log = log_of(folder / "test")
    (row,) = (row for row in history(log) if any(key.startswith("test/table") for key in row))
    result = json.loads((folder / "scores.json").read_text())
    assert row["trainer/global_step"] == result["step"] == 4
    (file,) = (log.parent / "files" / "media" / "table" / "test").glob("table_*.table.json")
    table = json.loads(file.read_text())
    (cells,) = table["data"]
    cells = dict(zip(table["columns"], cells, strict=True))
    assert (cells["samples"], cells["scorer"], cells["checkpoint"]) == (8, "digits", result["checkpoint"])
    for name, score in result["scores"].items():
        for column, value in ((name, score["generated"]), (f"{name} (real)", score["real"])):
            assert cells[column] == pytest.approx(value) or value is None
    (artifact,) = (record.artifact for record in records(log) if record.WhichOneof("record_type") == "artifact")
    (grid,) = (each.local_path for each in artifact.manifest.contents if each.path.endswith("test.png"))
    with Image.open(grid) as one, Image.open(folder / "samples/test.png") as other:
        assert (np.asarray(one) == np.asarray(other)).all()


def test_two_runs_in_a_process_are_two_runs(run):
    first, second = (run("fit", "--trainer.max_steps=2", "--loggers=[wandb]") for _ in range(2))
    assert log_of(first) != log_of(second)
    assert wandb.run is None
    assert os.environ["WANDB_MODE"] == "offline"


def test_a_resumed_run_goes_on_under_its_id_from_the_step_after(run):
    first = run("fit", "--loggers=[wandb]", "--trainer.max_steps=2")
    second = run("fit", "--loggers=[wandb]", "--trainer.max_steps=4", "--ckpt_path=last")
    other = run("fit", "--loggers=[wandb]", "--trainer.max_steps=2")
    ids = [(folder / "wandb_id.txt").read_text().strip() for folder in (first, second, other)]
    assert ids[0] == ids[1] != ids[2]
    for folder, name in zip((first, second, other), ids, strict=True):
        assert [path.stem for path in folder.glob("wandb/offline-run-*/run-*.wandb")] == [f"run-{name}"]
    steps = [[int(row["trainer/global_step"]) for row in history(log_of(folder))] for folder in (first, second)]
    assert steps[0] == sorted(steps[0])
    assert steps[1] == sorted(steps[1])
    assert max(steps[0]) == 2 < min(steps[1])


def test_disabled_means_disabled(run, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[wandb, csv]")
    assert not list(folder.glob("wandb/*run-*"))
    assert (folder / "metrics.csv").is_file()
