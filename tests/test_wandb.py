"""Weights & Biases: what a run leaves for it, and that it never gets in the way."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import wandb
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record

from callbacks import WeightsAndBiases
from callbacks.weights_and_biases import answers, has_key
from commands import recipes
from helpers.scorer import KEYS

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def fresh():
    """W&B reads its environment once for each process: every test is a process to it."""
    wandb.teardown()
    yield
    wandb.teardown()


# -- reading a run back --


def records(path):
    """The records of a .wandb file: LevelDB's log format in blocks of 32 KiB, after 7 bytes of header."""
    data, place, parts = path.read_bytes(), 7, b""
    assert struct.unpack_from("<4sH", data) == (b":W&B", 0xBEE1)
    while place + 7 <= len(data):
        if (room := 32768 - place % 32768) < 7:  # no header fits: padding
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        if kind == 0:
            break
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or last of several
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def history(path):
    """The rows that a run logged, as dictionaries."""
    rows = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in items})
    return rows


def log_of(folder):
    """The file of the run; W&B's own process, which writes it behind ours, is ended first."""
    wandb.teardown()
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return path


def test_a_run_holds_losses_scores_and_pictures_at_their_steps(run):
    folder = run("fit", "--loggers=[wandb]")
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
        with Image.open(shown) as one, Image.open(drawn) as other:
            assert (np.asarray(one) == np.asarray(other)).all()


def test_a_test_leaves_a_table_with_its_scores_real_data_s_and_the_sample_grid(run):
    folder = run("fit", "--loggers=[csv]")
    run("test", "--loggers=[wandb]", "--ckpt_path=last")
    log = log_of(folder / "test")
    (row,) = (row for row in history(log) if any(key.startswith("test/table") for key in row))
    told = json.loads((folder / "scores.json").read_text())
    assert row["trainer/global_step"] == told["step"] == 4
    (file,) = (log.parent / "files" / "media" / "table" / "test").glob("table_*.table.json")
    table = json.loads(file.read_text())
    (cells,) = table["data"]
    cells = dict(zip(table["columns"], cells, strict=True))
    assert (cells["samples"], cells["scorer"], cells["checkpoint"]) == (8, "digits", told["checkpoint"])
    for name, score in told["scores"].items():
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


# -- no key, no network, no answer --


@pytest.fixture
def online(monkeypatch, tmp_path):
    """W&B as a user has it, without a key, with a server that nobody runs: whoever wants another sets its address."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def silent_server():
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Refuses(BaseHTTPRequestHandler):
    """Answers everything with 403."""

    def do_GET(self):
        """A refusal, which is an answer."""
        self.send_error(403)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def refusing_server():
    """The address of a server that refuses everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def said(folder):
    """What the run's log says of W&B."""
    return [line for line in (folder / "log.txt").read_text().splitlines() if "Weights & Biases" in line]


def test_without_a_key_a_run_is_offline_and_says_so_once(online, run):
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[wandb]")
    (line,) = said(folder)
    assert "no API key" in line
    assert history(log_of(folder))


def test_the_command_that_it_tells_would_upload_the_run(online, run):
    folder = run("fit", "--trainer.max_steps=1", "--loggers=[wandb]")
    words = said(folder)[0].split("Upload later with: wandb ")[1].split()
    shown = subprocess.run([sys.executable, "-m", "wandb", *words, "--dry-run"], capture_output=True, text=True)
    assert "Would sync 1 run" in shown.stdout + shown.stderr


def test_with_a_key_but_no_network_a_run_is_offline_within_seconds(online, run):
    online.setenv("WANDB_API_KEY", KEY)
    start = time.monotonic()
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[wandb]")
    assert time.monotonic() - start < 20
    (line,) = said(folder)
    assert "http://127.0.0.1:9 does not answer" in line


def test_a_server_that_never_answers_is_not_waited_for(online, run, silent_server):
    online.setenv("WANDB_API_KEY", KEY)
    online.setenv("WANDB_BASE_URL", silent_server)
    start = time.monotonic()
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[wandb]")
    assert time.monotonic() - start < 25
    (line,) = said(folder)
    assert f"{silent_server} does not answer" in line


def test_asking_for_online_without_a_key_neither_prompts_nor_fails(online, run):
    online.setenv("WANDB_MODE", "online")
    folder = run("fit", "--trainer.max_steps=1", "--loggers=[wandb]")
    assert "no API key" in said(folder)[0]


@pytest.mark.slow
def test_a_server_that_refuses_the_run_does_not_fail_it(online, run, refusing_server):
    online.setenv("WANDB_API_KEY", KEY)
    online.setenv("WANDB_BASE_URL", refusing_server)
    start = time.monotonic()
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[wandb]")
    assert time.monotonic() - start < 60
    assert "the server refused" in said(folder)[0]
    assert history(log_of(folder))


def test_any_answer_counts_and_silence_does_not(silent_server, refusing_server):
    assert answers(refusing_server)
    assert not answers(silent_server, timeout=0.5)
    start = time.monotonic()
    assert not answers("http://127.0.0.1:9")
    assert not answers("no address at all")
    assert time.monotonic() - start < 3, "where nobody is there, nobody waits"


def test_a_key_is_found_where_wandb_login_leaves_it(online, tmp_path):
    url = "https://wandb.example.org"
    assert not has_key(url)
    (tmp_path / "netrc").write_text(f"machine wandb.example.org login user password {KEY}\n")
    assert has_key(url)
    assert not has_key("https://other.example.org")


@pytest.mark.parametrize("options", [{"offline": True}, {"mode": "offline"}])
def test_offline_can_be_asked_for_from_python(options, online, tmp_path):
    logger = WeightsAndBiases(save_dir=str(tmp_path), **options)
    assert logger.experiment.settings.mode == "offline"
    assert "WANDB_MODE" not in os.environ
    logger.experiment.finish()


def test_the_environment_names_the_project_and_its_kin(online, tmp_path, monkeypatch):
    for name, value in {"PROJECT": "mine", "RUN_GROUP": "sweep", "TAGS": "a,b", "NOTES": "first"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    run = WeightsAndBiases(save_dir=str(tmp_path), mode="offline").experiment
    assert (run.project, run.group, tuple(run.tags), run.notes) == ("mine", "sweep", ("a", "b"), "first")
    run.finish()


@pytest.mark.parametrize(("environment", "option", "project"), [("", None, "ganzoo"), ("theirs", "mine", "mine")])
def test_an_option_wins_over_the_environment(environment, option, project, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", environment)
    assert WeightsAndBiases(save_dir=str(tmp_path), mode="offline", project=option)._project == project


@pytest.mark.slow
def test_a_terminal_is_never_asked(online, tmp_path, tiny):
    """With a terminal W&B would prompt for an account; here the run goes on."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", "fit", "--config", str(tiny), "--trainer.max_steps=1", "--loggers=[wandb]"]
    try:
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, stdin=theirs, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stdout
    assert "no API key is configured" in done.stdout
