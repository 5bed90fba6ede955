"""Models of the Hugging Face hub: pinned, checked, there without a network; no network here beyond the loopback."""

import builtins
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cli
import zoo
from helpers.bundles import images, sampler_of, trained, write
from helpers.command_line import error
from helpers.hub_server import TOKEN, serving
from zoo.engine.errors import CheckpointError
from zoo.hub import bundle, remote, showing, sources
from zoo.hub.remote import Place, place_of

ROOT = Path(__file__).resolve().parents[1]
huggingface_hub = pytest.importorskip("huggingface_hub")
constants = pytest.importorskip("huggingface_hub.constants")
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the package's, of its transport
NAME = "anna/digits"


@pytest.fixture(scope="module")
def model():
    return trained(zoo.WGANGP)


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    """The files of a bundle, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(showing, "IMAGES", 2)
        folder = write(model, tmp_path_factory.mktemp("hub") / "b")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub of its own, a cache of its own, a current folder of its own, and nobody logged in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with serving() as (held, url):
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        yield held


@pytest.fixture
def said(caplog):
    """What was said; Lightning's loggers may not propagate to pytest's own handler."""
    remote.log.addHandler(caplog.handler)
    yield caplog
    remote.log.removeHandler(caplog.handler)


# -- what names a repository --


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("anna/digits", Place("anna/digits", "main")),
        ("anna/digits@v1.0", Place("anna/digits", "v1.0")),
        ("hf://anna/digits@refs/pr/1", Place("anna/digits", "refs/pr/1")),
        ("digits", None),
        ("anna/digits/x", None),
        ("/anna/digits", None),
        ("./anna", None),
        ("../digits", None),
        ("anna/../digits", None),
        ("anna/digits@../x", None),
        ("anna/last.ckpt", None),
        ("hf://anna", None),
        ("here/digits", None),
        ("hf://here/digits", Place("here/digits", "main")),
    ],
)
def test_what_names_a_repository_and_what_a_file(source, place, tmp_path, monkeypatch):
    """In a folder that is here, a name is a file's."""
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    assert place_of(source) == place


def test_a_folder_of_that_name_wins(hub, files, model, tmp_path):
    other = trained(zoo.WGANGP)
    hub.commit(NAME, files)
    write(other, tmp_path / NAME)
    assert torch.equal(images(sampler_of(zoo.from_pretrained(NAME))), images(sampler_of(other)))
    assert not hub.asked
    assert torch.equal(images(sampler_of(zoo.from_pretrained(f"hf://{NAME}"))), images(sampler_of(model)))
    with pytest.raises(ValueError, match="revision v1 is of a repository"):
        zoo.from_pretrained(NAME, revision="v1")


# -- fetched --


def test_a_model_comes_by_commit_and_the_commit_is_said(hub, files, model, said):
    first = hub.commit(NAME, files | {"evil.py": b"x", "pytorch_model.bin": b"x", "deep/config.json": b"x"})
    again = zoo.from_pretrained(NAME)
    assert torch.equal(images(sampler_of(again)), images(sampler_of(model)))
    assert f"{NAME}@main is {NAME}@{first}" in said.text
    fetched = {line.rsplit("/", 1)[1] for line in hub.asked if "/resolve/" in line}
    assert fetched == set(bundle.FILES)
    assert all(f"/resolve/{first}/" in line for line in hub.asked if "/resolve/" in line)
    said.clear()
    hub.asked.clear()
    pinned = zoo.from_pretrained(NAME, revision=first)
    assert torch.equal(images(sampler_of(pinned)), images(sampler_of(model)))
    assert not hub.asked  # a commit that is here does not change
    assert not said.text
    second = hub.commit(NAME, files | {"README.md": b"new"})
    zoo.from_pretrained(NAME)
    assert second in said.text
    hub.commit(NAME, files, branch="v1")
    assert sources.read(f"{NAME}@v1").name.startswith(f"{NAME}@")


def test_without_a_network_the_cache_serves_and_says_which_commit(hub, files, model, monkeypatch, said):
    commit = hub.commit(NAME, files)
    with pytest.raises(CheckpointError, match=r"anna/digits has no revision 'v9'"):
        zoo.from_pretrained(NAME, revision="v9")
    zoo.from_pretrained(NAME)
    said.clear()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    again = zoo.from_pretrained(NAME)
    assert torch.equal(images(sampler_of(again)), images(sampler_of(model)))
    assert "127.0.0.1:9 does not answer" in said.text
    assert f"{NAME}@main was {NAME}@{commit}" in said.text
    zoo.from_pretrained(f"{NAME}@{commit}")
    with pytest.raises(CheckpointError, match=r"anna/digits@v1: 127.0.0.1:9 does not answer"):
        zoo.from_pretrained(f"{NAME}@v1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    zoo.from_pretrained(NAME)
    assert "HF_HUB_OFFLINE is set" in said.text
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    huggingface_hub.close_session()


def test_a_hub_that_is_broken_is_one_that_does_not_answer(hub, files, said):
    commit = hub.commit(NAME, files)
    zoo.from_pretrained(NAME)
    hub.status = 503
    zoo.from_pretrained(NAME)
    assert "answers 503" in said.text
    assert f"was {NAME}@{commit}" in said.text


# -- refused --


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.safetensors": flipped}, "is not what its config.json says: sha256"),
        ({"config.json": lambda old: json.dumps(json.loads(old) | {"class": "os.system"}).encode()}, "os.system"),
        ({"config.json": lambda old: b"{"}, "no JSON of a bundle"),
        ({"config.json": lambda old: None}, "is no bundle: it has no config.json"),
        ({"config.json": lambda old: None, "model.safetensors": lambda old: None}, "no config.json and no model"),
    ],
)
def test_a_tampered_repository_is_refused_as_any_bundle(change, message, hub, files):
    changed = {name: change.get(name, lambda old: old)(content) for name, content in files.items()}
    hub.commit(NAME, {name: content for name, content in changed.items() if content is not None})
    with pytest.raises(CheckpointError, match=message):
        zoo.from_pretrained(NAME)


def test_a_damaged_cache_is_refused(hub, files):
    hub.commit(NAME, files)
    path = sources.read(NAME).path / bundle.WEIGHTS
    path.resolve().write_bytes(flipped(files[bundle.WEIGHTS]))
    with pytest.raises(CheckpointError, match="sha256"):
        zoo.from_pretrained(NAME)


@pytest.mark.parametrize("name", bundle.FILES)
def test_a_file_that_is_too_large_is_not_fetched(name, hub, files):
    hub.commit(NAME, files)
    hub.sizes[name] = remote.MOST[name] + 1
    with pytest.raises(CheckpointError, match=f"{name} has .* bytes, more than"):
        zoo.from_pretrained(NAME)
    assert not any("/resolve/" in line for line in hub.asked)


def test_a_private_repository_needs_a_token(hub, files, monkeypatch):
    hub.commit(NAME, files, private=True)
    with pytest.raises(CheckpointError, match=r"has no anna/digits, or it is private and it needs hf auth login"):
        zoo.from_pretrained(NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(CheckpointError, match="or it is private and your token may not see it"):
        zoo.from_pretrained(NAME)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert zoo.from_pretrained(NAME).trained_steps == 12


def test_what_cannot_be_is_one_line_at_the_command_line(hub, files, monkeypatch, capsys):
    hub.commit(NAME, files)
    for source, status, causes in (
        ("otto/nothing", 1, ["has no otto/nothing", "hf auth login"]),
        (f"{NAME}@v2", 1, ["anna/digits has no revision 'v2'"]),
        (f"{NAME}@{'0' * 40}", 1, ["has no revision"]),
        ("anna/a--b", 1, ["anna/a--b is no name of a repository"]),
    ):
        found, line = error(capsys, "sample", source, "--seeds=1", "--out=out")
        assert found == status
        assert all(cause in line for cause in causes), line
    assert not Path("out").exists()
    with pytest.raises(CheckpointError, match="give one of them"):
        zoo.from_pretrained(f"{NAME}@v1", revision="v2")
    with pytest.raises(CheckpointError, match="is no branch, no tag and no commit"):
        zoo.from_pretrained(NAME, revision="../x")
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "huggingface_hub":
            raise ModuleNotFoundError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    found, line = error(capsys, "sample", NAME, "--seeds=1", "--out=out")
    assert found == 1
    assert "anna/digits is no file and no folder here" in line
    assert "pip install 'ganzoo-lightning[hub]'" in line


def test_samples_and_trainings_come_from_the_hub(hub, files, model, tmp_path):
    commit = hub.commit(NAME, files)
    cli.main(["sample", NAME, "--seeds=3", "--out=hub"])
    write(model, tmp_path / "own")
    cli.main(["sample", "own", "--seeds=3", "--out=out"])
    assert Path("hub/seed0003.png").read_bytes() == Path("out/seed0003.png").read_bytes()
    taken = zoo.init_from(trained(zoo.WGANGP), NAME)
    assert taken.record()["source"] == f"{NAME}@{commit}"


# -- sent --


@pytest.fixture
def own(files, tmp_path, hub, monkeypatch):
    """A bundle in the current folder of who is logged in."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    (tmp_path / "own").mkdir()
    for name, content in files.items():
        (tmp_path / "own" / name).write_bytes(content)
    return Path("own")


def held(hub, repo=NAME, branch="main"):
    """The files of a branch."""
    return hub.repos[repo]["commits"][hub.repos[repo]["branches"][branch]]


def test_what_is_pushed_comes_back(hub, own, files, model, capsys):
    (own / "notes.txt").write_text("of mine")
    cli.main(["push", "own", NAME])
    assert held(hub) == {".gitattributes": b""} | files | {
        "README.md": files["README.md"].replace(b"FOLDER", NAME.encode())
    }
    assert b"ganzoo sample anna/digits --seeds" in held(hub)["README.md"]
    assert not hub.repos[NAME]["private"]
    first, command = capsys.readouterr().out.split("\n")[:2]
    assert first == f"{NAME}@{hub.repos[NAME]['branches']['main']}"
    assert command == f"ganzoo sample {NAME}@main --seeds 0-63 --out samples"
    again = zoo.from_pretrained(first)
    assert torch.equal(images(sampler_of(again)), images(sampler_of(model)))
    cli.main(["push", "own", f"hf://{NAME}", "--revision", "v2"])
    assert held(hub, branch="v2") == held(hub)
    assert sources.read(f"{NAME}@v2").saved["global_step"] == 12


def test_private_is_private(hub, own, capsys):
    cli.main(["push", "own", "anna/secret", "--private"])
    assert hub.repos["anna/secret"]["private"]
    hub.commit("anna/public", {".gitattributes": b""})
    before = held(hub, "anna/public")
    status, line = error(capsys, "push", "own", "anna/public", "--private")
    assert status == 1
    assert "anna/public is there, and is public" in line
    assert held(hub, "anna/public") == before


def link(own):
    Path("secret").write_text("mine")
    (own / "README.md").unlink()
    (own / "README.md").symlink_to(Path("secret").absolute())


def put(name, content):
    return lambda own: (own / name).write_bytes(content)


def of_another(config):
    return json.dumps(json.loads(config) | {"class": "os.system"}).encode()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (
            lambda own: (own / "model.safetensors").write_bytes(flipped((own / "model.safetensors").read_bytes())),
            "sha256",
        ),
        (put("config.json", b"{"), "no JSON of a bundle"),
        (lambda own: (own / "config.json").write_bytes(of_another((own / "config.json").read_bytes())), "os.system"),
        (link, "is no file but a link"),
        (lambda own: (own / "README.md").unlink(), "README.md: No such file"),
        (put("samples.png", b"x" * (2**25 + 1)), "bytes, more than 33,554,432"),
    ],
)
def test_nothing_is_sent_of_a_folder_that_is_no_bundle(change, cause, hub, own, capsys):
    change(own)
    status, line = error(capsys, "push", "own", NAME)
    assert status == 1
    assert cause in line
    assert not hub.asked


def test_other_repositories_are_left_alone(hub, own, capsys, monkeypatch):
    hub.commit(NAME, {"README.md": b"a model", "pytorch_model.bin": b"x"})
    before = held(hub)
    for argv, cause in (
        (["own", NAME], "holds pytorch_model.bin, which is no bundle's"),
        (["own", "anna"], "anna is no repository: give OWNER/NAME"),
        (["nothing", NAME], "no model is called 'nothing'"),
        (["token", NAME], "token is no bundle"),
        (["own", NAME, "--revision", "../x"], "is no branch"),
    ):
        Path("token").write_text("")
        assert cause in error(capsys, "push", *argv)[1]
        Path("token").unlink()
    assert held(hub) == before
    hub.full = True
    assert "anna/full@main" in (line := error(capsys, "push", "own", "anna/full")[1])
    assert "answers 413" in line
    monkeypatch.delenv("HF_TOKEN")
    status, line = error(capsys, "push", "own", "anna/new")
    assert status == 1
    assert "refuses: it needs hf auth login, or HF_TOKEN" in line


@pytest.mark.slow
def test_the_environment_says_where_the_hub_is(hub, files, tmp_path):
    commit = hub.commit(NAME, files)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path / "home")}
    environment["HF_ENDPOINT"] = constants.ENDPOINT
    done = subprocess.run(
        [sys.executable, "-m", "cli", "sample", NAME, "--seeds=1", "--out=out"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"{NAME}@main is {NAME}@{commit}" in done.stderr
    assert Path("out/seed0001.png").is_file()
