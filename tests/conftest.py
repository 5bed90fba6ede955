"""Fixtures of every test: W&B offline, an environment of its own, one thread unless told. `run` is the command line."""

import os
from pathlib import Path

import pytest
import torch

from helpers.quick import is_quick
from helpers.real_data import FOLDER
from helpers.recipe import TINY


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="only the files of pure units: no Trainer, no command line")


def pytest_ignore_collect(collection_path, config):
    """Other files are not even imported."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if config.getoption("--quick") and is_test and not is_quick(collection_path) else None


@pytest.fixture(scope="session", autouse=True)
def threads():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(scope="session")
def real_data():
    """The folder of the real data."""
    if not (FOLDER / "MNIST" / "raw").is_dir():
        pytest.skip("real MNIST is not under $GANZOO_DATA")
    return FOLDER


@pytest.fixture(autouse=True)
def isolated(request, monkeypatch, tmp_path_factory):
    """Seed 0; W&B offline and away from the user's settings; the user's data only for tests marked `data`."""
    torch.manual_seed(0)
    own = {"PL_GLOBAL_SEED", "PL_SEED_WORKERS", "GANZOO_RUN_DIR"}
    own |= {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE"}  # of a DDP run in this process
    wandb = {name for name in os.environ if name.startswith("WANDB_")} - {"WANDB_SERVICE"}
    data = set() if request.node.get_closest_marker("data") else {"GANZOO_DATA"}
    for name in own | wandb | data:
        monkeypatch.setenv(name, "0")  # so that what a test leaves behind is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    caches = tmp_path_factory.getbasetemp() / "caches" / str(id(request.node))
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    if torch.cuda.is_available():
        (caches / "torch").mkdir(parents=True, exist_ok=True)  # torch makes the last folder alone
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp() / "wandb"))


@pytest.fixture
def fixed_seed(monkeypatch):
    """Runs have seed 11; what a test draws itself comes from seed 0."""
    monkeypatch.setenv("PL_GLOBAL_SEED", "11")
    torch.manual_seed(0)


@pytest.fixture
def fresh_wandb():
    """W&B reads its environment once for each process: every test is a process to it."""
    import wandb

    wandb.teardown()
    yield
    wandb.teardown()


@pytest.fixture
def small_machine(tmp_path, monkeypatch):
    """Nothing fits into memory, so that the smallest folder is written to a file, three images at a time."""
    from datamodules import folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(folder, "MEMORY_SHARE", 0.0)
    monkeypatch.setattr(folder, "PART_SIZE", 3)


@pytest.fixture
def scorer():
    """A scorer of three classes that can be computed by hand."""
    from helpers.scorer import linear_scorer

    return linear_scorer()


@pytest.fixture
def tiny(tmp_path):
    """A recipe whose steps take milliseconds: WGAN-GP, two hidden layers of 8 units, on the digits."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def run(tmp_path, tiny, monkeypatch):
    """`run("fit", "--trainer.max_steps=2")` runs that on the tiny recipe, in tmp_path; gives the new run's folder."""
    import cli

    monkeypatch.chdir(tmp_path)

    def command(name, *argv, config="tiny.yaml"):
        before = folders(tmp_path)
        cli.main([name, "--config", config, *argv])
        new = folders(tmp_path) - before
        return new.pop() if new else None

    return command


def folders(root: Path) -> set[Path]:
    """All folders of runs under `root`."""
    return set(root.glob("**/runs/*/*"))
