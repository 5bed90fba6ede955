"""Weights & Biases without a key, without a network, with a server that is silent or refuses."""

import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from callbacks import WeightsAndBiases
from callbacks.weights_and_biases import has_key, is_reachable
from commands import recipes
from helpers.wandb_runs import history, log_of

KEY = "0123456789" * 4

pytestmark = pytest.mark.usefixtures("fresh_wandb")


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
    argv = said(folder)[0].split("Upload later with: wandb ")[1].split()
    shown = subprocess.run([sys.executable, "-m", "wandb", *argv, "--dry-run"], capture_output=True, text=True)
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
    assert is_reachable(refusing_server)
    assert not is_reachable(silent_server, timeout=0.5)
    start = time.monotonic()
    assert not is_reachable("http://127.0.0.1:9")
    assert not is_reachable("no address at all")
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
