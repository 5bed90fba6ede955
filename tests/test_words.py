"""The command line's words as people type them: help at once, suggestions, own classes, configurations that merge."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cli
import configs
from command_line import DATA, MODEL, error
from configs import catalogue, messages
from zoo.networks import NETWORKS
from zoo.priors import PRIORS
from zoo.schedules import SCHEDULES

ROOT = Path(__file__).resolve().parent.parent


def told(capsys, *words):
    cli.main(words)
    return capsys.readouterr().out


# -- help --


def test_the_catalogue_is_what_the_models_say():
    """After a change of a model or a recipe: make catalogue."""
    kept, made = catalogue.load(), catalogue.make()
    assert {name: made["recipes"][name] for name in kept["recipes"]} == kept["recipes"]
    assert kept | {"recipes": {}} == made | {"recipes": {}}


def test_a_recipe_that_is_not_kept_is_computed(monkeypatch, capsys):
    whole = json.loads(told(capsys, "list", "--json"))
    kept = catalogue.load()
    del kept["recipes"]["quickstart"]
    monkeypatch.setattr(catalogue, "load", lambda: kept)
    assert json.loads(told(capsys, "list", "--json")) == whole


def test_help_names_every_command_and_the_first_screen_every_choice(capsys):
    assert all(name in told(capsys, "--help") for name in messages.COMMANDS)
    screen = told(capsys, "fit", "--help")
    assert len(screen.splitlines()) <= 40
    for name in [
        *NETWORKS,
        *PRIORS,
        *SCHEDULES,
        "--trainer.max_steps",
        "batch_size",
        "optimizer.lr",
        "--trainer.devices",
    ]:
        assert name in screen, name
    assert told(capsys, "--version").startswith("ganzoo ")


def test_all_options_of_the_first_screen_are_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    values = {"N": "2", "X": "0.5", "RECIPE": "quickstart", "DIR": ".", "[A,B]": "[csv]"}
    words = []
    for line in messages.screen("fit").splitlines():
        option, _, rest = line.strip().partition(" ")
        value = rest.split()[0] if rest else ""
        if option.startswith("--") and value in values and option != "--config":
            words.append(f"{option}={values[value]}")
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config=quickstart", *words, "--print_config=skip_null"])
    assert stop.value.code == 0, capsys.readouterr().err
    assert "max_steps: 2" in capsys.readouterr().out


def test_help_and_list_import_nothing_heavy():
    code = "import sys, ganzoo_lightning; ganzoo_lightning.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for words in (["--help"], ["list"], ["fit", "--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
        )
        assert not {"torch", "lightning", "wandb", "jsonargparse"} & set(done.stderr.split()), words


# -- suggestions --


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["fit", "--trainer.max_step=3"], "did you mean --trainer.max_steps?"),
        (["fit", f"{MODEL}critic_step=3"], "did you mean critic_steps?"),
        (["fit", f"{DATA}batchsize=3"], "did you mean batch_size?"),
        (["fit", "--imagegrid.every_n_steps=3"], "did you mean --image_grid.every_n_steps?"),
        (["fit", "--model=WGAN-GP"], "did you mean WGANGP?"),
        (["fit", "--model=zoo.WGANGPP"], "did you mean WGANGP?"),
        (["fit", "--data=Digits"], "did you mean DigitsDataModule?"),
        (["fit", f"{MODEL}network=mpl"], "did you mean mlp?"),
        (["fit", f"{MODEL}prior=normall"], "did you mean normal?"),
        (["fit", f"{MODEL}schedule=alternating"], "did you mean alternate?"),
        (["fit", "--loggers=[wnadb]"], "did you mean wandb?"),
        (["fit", "--scores.scorer=mnits"], "did you mean mnist?"),
        (["fit", "--config=quikstart"], "did you mean quickstart?"),
        (["train"], "did you mean fit?"),
        (["fti"], "did you mean fit?"),
        (["sample"], "did you mean predict?"),
        (["quickstart"], "ganzoo fit --config quickstart"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else None,
)
def test_a_mistyped_word_gets_a_suggestion(words, hint, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command, *rest = words
    config = ["--config=tiny.yaml"] if command == "fit" and "--config=quikstart" not in rest else []
    status, line = error(capsys, command, *config, *rest)
    assert status == 2
    assert hint in line
    assert line.count("did you mean") <= 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("*/*")), "no empty run is left"


def test_a_recipe_without_its_option_gets_it(capsys):
    status, line = error(capsys, "fit", "quickstart")
    assert (status, "ganzoo fit --config quickstart" in line) == (2, True)
    status, line = error(capsys, "test", "--ckpt_path=last", "mine.yaml")
    assert (status, "ganzoo fit --config mine.yaml" in line) == (2, True)


# -- two configurations --


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("model: {init_args: {gp_weight: 5.0}}", {"class": "zoo.WGANGP", "gp_weight": 5.0, "latent_dim": 4}),
        ("trainer: {max_steps: 9}", {"max_steps": 9, "latent_dim": 4, "class": "zoo.WGANGP"}),
        ("data: {init_args: {batch_size: 8}}", {"batch_size": 8, "predict_samples": 6}),
        ("model: {class_path: zoo.GAN}", {"class": "zoo.GAN", "latent_dim": 4}),
        ("model: {init_args: {generator_options: {norm: none}}}", {"generator_options": {"norm": "none"}}),
    ],
    ids=["model", "trainer", "data", "class", "dictionary"],
)
def test_the_second_configuration_changes_the_first(second, expected, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "second.yaml").write_text(second)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config=tiny.yaml", "--config=second.yaml", "--print_config=skip_null"])
    assert stop.value.code == 0
    found = yaml.safe_load(capsys.readouterr().out)
    flat = {"class": found["model"]["class_path"]} | found["model"]["init_args"] | found["data"]["init_args"]
    flat |= found["trainer"]
    assert {key: flat[key] for key in expected} == expected


@pytest.mark.parametrize(
    "words",
    [
        ["--trainer.max_steps=9", "--config=tiny.yaml"],
        ["--trainer.max_steps", "9", "--config", "tiny.yaml"],
        [f"{MODEL}latent_dim=4", "--trainer.max_steps=9", "-c", "tiny.yaml"],
        ["--trainer.max_steps=9", f"{MODEL}latent_dim=4", "--model", "WGANGP", "-ctiny.yaml"],
    ],
    ids=" ".join,
)
def test_words_win_wherever_they_stand(words, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["fit", *words, "--print_config"])
    found = yaml.safe_load(capsys.readouterr().out)
    assert found["trainer"]["max_steps"] == 9
    assert found["model"]["class_path"] == "zoo.WGANGP"
    assert found["model"]["init_args"]["critic_steps"] == 5, "the class's own default"


def test_arguments_before_their_class_are_refused(tiny, tmp_path, monkeypatch, capsys):
    """They would come with another class's defaults: WGAN-GP with one critic step."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.yaml").write_text("model: {init_args: {latent_dim: 7}}")
    for words in (["-c", "part.yaml", "-c", "tiny.yaml"], ["--config=part.yaml", "--model=WGANGP"]):
        status, line = error(capsys, "fit", *words)
        assert status == 2
        assert "part.yaml" in line
        assert "first" in line


# -- own classes --

MINE = '''
import torch
from torch import nn
from datamodules import ImageDataModule, Images
from zoo import GAN, losses
from zoo.networks import NETWORKS, Pair

class Flat(nn.Module):
    def __init__(self, latent_dim, image_shape, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(latent_dim, 12), nn.Tanh(), nn.Unflatten(1, image_shape))
    def forward(self, latents):
        return self.body(latents)

class Look(nn.Module):
    def __init__(self, image_shape):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    def forward(self, images):
        return self.body(images)

NETWORKS["flat"] = Pair(Flat, Look)

class LSGAN(GAN):
    """Least squares GAN (arXiv:1611.04076)."""
    paper = "arXiv:1611.04076"
    def critic_loss(self, real, fake):
        on_real, on_fake = self.judge(real, fake)
        return (losses.mean((on_real - 1).square()) + losses.mean(on_fake.square())) / 2
    def generator_loss(self, real, fake):
        return losses.mean((self.critic(fake) - 1).square()) / 2

class Noise(ImageDataModule):
    num_classes = 2
    image_shape = (3, 2, 2)
    def load(self):
        images = torch.randint(0, 256, (40, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        part = Images(images, torch.zeros(40, dtype=torch.int64))
        return {"train": part, "val": part, "test": part}
'''


@pytest.fixture
def own(tmp_path):
    """A folder with a user's module, and folders that are called as ours are."""
    (tmp_path / "mine.py").write_text(MINE)
    for name in ("callbacks", "configs", "datamodules", "ganzoo", "zoo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the user')\n")
    (tmp_path / "cli.py").write_text("raise ImportError('the user')\n")
    return tmp_path


START = f"import sys; sys.path.pop(0); sys.path.append({str(ROOT)!r}); import ganzoo_lightning; ganzoo_lightning.main()"


def ganzoo(folder, *words, path=""):
    """The command as it is installed: its own file's folder, not the current one, comes first on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} if path else {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", START, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", [pytest.param("", marks=pytest.mark.slow), "."], ids=["plain", "PYTHONPATH=."])
def test_own_classes_in_the_current_folder_work_and_ours_win(own, path):
    assert "quickstart" in ganzoo(own, "list", path=path).stdout
    words = ["fit", "--model=mine.LSGAN", f"{MODEL}network=flat", "--data=mine.Noise", f"{DATA}batch_size=4"]
    words += ["--trainer.max_steps=2", "--trainer.accelerator=cpu", "--trainer.devices=1", "--loggers=[csv]"]
    done = ganzoo(own, *words, path=path)
    assert done.returncode == 0, done.stderr[-2000:]
    (checkpoint,) = own.glob("runs/LSGAN/*/checkpoints/last.ckpt")
    if path:
        return  # a process takes seconds
    done = ganzoo(own, "predict", *words[1:5], f"--ckpt_path={checkpoint}", "--loggers=[csv]", path=path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(own.glob("runs/LSGAN/*/predictions/*.png"))) > 1


@pytest.mark.slow
@pytest.mark.ddp
def test_own_classes_work_in_two_processes(own):
    (own / "start.py").write_text(START)
    words = ["fit", "--model=mine.LSGAN", f"{MODEL}network=flat", "--data=mine.Noise", f"{DATA}batch_size=4"]
    words += ["--trainer.max_steps=2", "--trainer.accelerator=cpu", "--trainer.devices=2", "--loggers=[csv]"]
    bin_folder = own / "bin"
    bin_folder.mkdir()
    (own / "start.py").rename(bin_folder / "ganzoo")
    done = subprocess.run(
        [sys.executable, str(bin_folder / "ganzoo"), *words],
        cwd=own,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(own.glob("runs/LSGAN/*/checkpoints/last.ckpt"))


# -- nothing is left of a run that did not begin --

STOP = """
from pathlib import Path
from lightning.pytorch import Callback

class Stop(Callback):
    def __init__(self, step: int = 0, writes: bool = False):
        self.step, self.writes = step, writes
    def stop(self, trainer):
        if self.writes:
            Path(trainer.default_root_dir, "theirs.txt").write_text("kept")
        raise RuntimeError("stopped by the test")
    def setup(self, trainer, model, stage):
        if not self.step:
            self.stop(trainer)
    def on_train_batch_end(self, trainer, *given):
        if trainer.global_step >= self.step:
            self.stop(trainer)
"""


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("fit", ["--best_checkpoint.monitor=val/slided_wasserstein"]),
        ("fit", ["--scores.scorer=nothing"]),
        ("fit", [f"{DATA}batch_size=1000000"]),
        ("fit", ["--trainer.precision=three"]),
        ("fit", ["--trainer.accelerator=abacus"]),
        ("fit", ["--trainer.strategy=dpp"]),
        ("fit", ["--scores.every_n_steps=3"]),
        ("test", ["--scores.scorer=nothing"]),
        ("validate", ["--trainer.accelerator=abacus"]),
        ("predict", ["--trainer.strategy=dpp"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_run_that_fails_before_its_first_step_leaves_no_folder(command, words, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, _ = error(capsys, command, "--config=tiny.yaml", *words)
    assert status in (1, 2)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, False), ({"writes": True}, True), ({"step": 1}, True)],
    ids=["before", "somebody wrote", "after a step"],
)
def test_only_a_folder_without_work_is_removed(given, kept, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stopping.py").write_text(STOP)
    callback = json.dumps({"class_path": "stopping.Stop", "init_args": given})
    words = ["--loggers=[]", "--trainer.enable_checkpointing=false", "--image_grid.every_n_steps=100"]
    with pytest.raises(RuntimeError, match="stopped by the test"):
        cli.main(["fit", "--config=tiny.yaml", f"--trainer.callbacks=[{callback}]", *words])
    assert (tmp_path / "runs").exists() == kept


def test_the_recipes_are_found():
    assert configs.names() == catalogue.names()
