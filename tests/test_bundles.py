"""Bundles: every model comes back as it was, and nothing in a file is believed because the file says so."""

import gc
import hashlib
import json
import os
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file, save

import zoo
from helpers.bundles import images, sampler_of, trained, write
from helpers.hostile import fifo
from helpers.models import MODELS
from zoo.engine.errors import CheckpointError
from zoo.files.whole_folders import whole_folder
from zoo.hub import bundle, samplers, showing, sources
from zoo.hub.card import card
from zoo.hub.config import Training
from zoo.hub.pictures import GAP
from zoo.hub.tensors import from_tensors, to_tensors


@pytest.fixture(scope="module", autouse=True)
def no_other_classes():
    """Other tests leave classes of the zoo's names behind, in cycles, which only a collection takes away."""
    gc.collect()


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """In the pictures, which are not what is tested."""
    monkeypatch.setattr(showing, "IMAGES", 2)
    monkeypatch.setattr(showing, "COLUMNS", 2)


def equal(some, others):
    return some.keys() == others.keys() and all(
        torch.equal(value, others[name]) if isinstance(value, torch.Tensor) else value == others[name]
        for name, value in some.items()
    )


@pytest.mark.parametrize("cls", MODELS)
def test_every_model_comes_back_as_it_was(cls, tmp_path):
    model = trained(cls, average=False)
    again = zoo.from_pretrained(write(model, tmp_path / "b"))
    assert type(again) is cls
    assert not any(part.training for part in again.modules())
    assert dict(again.hparams) == dict(model.hparams)
    assert again.trained_steps == 12
    assert equal(again.state_dict(), model.state_dict())
    source = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert torch.equal(again.sample(3, source[0]), model.sample(3, source[1]))


@pytest.mark.parametrize("cls", MODELS)
def test_the_average_takes_the_generators_place_unless_both_are_kept(cls, tmp_path):
    model = trained(cls)
    state = model.state_dict()
    alone, both = (zoo.from_pretrained(write(model, tmp_path / str(kept), both=kept)) for kept in (False, True))
    assert alone.averaged is None
    assert equal(alone.sampler.state_dict(), model.averaged.module.state_dict())
    assert not equal(alone.generator.state_dict(), model.generator.state_dict())
    assert equal(both.state_dict(), state)
    assert both.averaged.updates == 7
    for again in (alone, both):
        assert torch.equal(images(sampler_of(again)), images(sampler_of(model)))
        assert equal(again.critic.state_dict(), model.critic.state_dict())


@pytest.mark.parametrize("cls", MODELS)
def test_a_sampler_without_lightning_is_the_models_own(cls):
    model = trained(cls)
    saved = bundle.saved_of(model)
    ours = samplers.checked_sampler(saved)
    assert type(ours.prior) is type(model.prior)
    assert ours.prior.num_labels == model.prior.num_labels
    assert ours.prior.block == model.prior.block
    again = samplers.SeedSampler(ours, model.sampling, model.image_shape)
    assert torch.equal(images(again), images(sampler_of(model)))


@pytest.mark.parametrize("network", ["toy_moe", "toy_ensemble"])
def test_experts_are_labels_there_too(network):
    model = trained(zoo.GAN, network=network, image_shape=(2, 1, 1), latent_dim=2)
    ours = samplers.checked_sampler(bundle.saved_of(model))
    assert ours.prior.num_labels == model.prior.num_labels > 1
    assert ours.prior.in_turns


@pytest.mark.parametrize("cls", MODELS)
def test_half_precision_rounds_once_and_comes_back_in_float32(cls, tmp_path):
    model = trained(cls)
    folder = write(model, tmp_path / "b", half=True, both=True)
    rounded = zoo.from_pretrained(folder).state_dict()
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            wanted = value.half().float() if value.is_floating_point() else value
            assert rounded[name].dtype == value.dtype, name
            assert torch.equal(rounded[name], wanted), name
    stored = load_file(folder / bundle.WEIGHTS)
    halves = {value.dtype for name, value in stored.items() if value.is_floating_point() and value.dim()}
    assert halves == {torch.float16}


def test_a_tensor_that_half_precision_cannot_hold_stays_as_it_is():
    weights = {"large": torch.tensor([1e5, 1.0]), "small": torch.tensor([0.1]), "count": torch.tensor(2**40)}
    again = from_tensors(to_tensors(weights, "trained", "float16"), "x")
    assert torch.equal(again["large"], weights["large"])
    assert torch.equal(again["small"], torch.tensor([0.1]).half().float())
    assert torch.equal(again["count"], weights["count"])


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    model = trained(zoo.WGANGP)
    with torch.no_grad():
        model.critic.body[1].weight[0] = torch.nan
    with pytest.raises(CheckpointError, match=r"critic.body.1.weight is not finite"):
        write(model, tmp_path / "b")
    assert not list(tmp_path.iterdir())


# -- tampering --


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A bundle."""
    return write(trained(zoo.ACGAN), tmp_path_factory.mktemp("good") / "b")


@pytest.fixture
def sent(good, tmp_path):
    """A copy of it, and its configuration."""
    folder = shutil.copytree(good, tmp_path / "sent")
    return folder, json.loads((folder / bundle.CONFIG).read_text())


def change(*keys, value):
    """A change of the configuration; None as the value removes a key."""

    def changed(folder, config):
        *way, last = keys
        place = config
        for key in way:
            place = place[key]
        place.pop(last) if value is None else place.update({last: value})
        (folder / bundle.CONFIG).write_text(json.dumps(config))

    return changed


def text(content):
    return lambda folder, config: (folder / bundle.CONFIG).write_bytes(content)


def tensors(**changed):
    """Other weights, with the hash that belongs to them; a function makes a new tensor of the old, None removes it."""

    def write_all(folder, config):
        held = load_file(folder / bundle.WEIGHTS)
        for name, make in changed.items():
            name = name.replace("__", ".")
            old = held.pop(name, None)
            if make is not None:
                held[name] = make(old)
        content = save({name: value.contiguous().clone() for name, value in held.items()})
        (folder / bundle.WEIGHTS).write_bytes(content)
        change("weights", "sha256", value=hashlib.sha256(content).hexdigest())(folder, config)

    return write_all


def raw(content):
    """Bytes in the place of the weights, with the hash that belongs to them."""

    def written(folder, config):
        (folder / bundle.WEIGHTS).write_bytes(content)
        change("weights", "sha256", value=hashlib.sha256(content).hexdigest())(folder, config)

    return written


def flip(folder, config):
    content = bytearray((folder / bundle.WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / bundle.WEIGHTS).write_bytes(content)


BIAS, FIRST = "classifier__bias", "generator__body__0__weight"
SCORES = {"scorer": "mnist", "samples": 1, "generated": {"fid": "0"}, "real": {}}
HUGE = b'{"__metadata__":{}, "a":{"dtype":"F32","shape":[1073741824,1024],"data_offsets":[0,4]}}'
TAMPERED = {
    "one bit of the weights": (flip, ["model.safetensors", "sha256"]),
    "no weights": (lambda folder, config: (folder / bundle.WEIGHTS).unlink(), ["model.safetensors", "No such file"]),
    "no configuration": (lambda folder, config: (folder / bundle.CONFIG).unlink(), ["no bundle and no run"]),
    "a pipe in the place of the weights": (lambda folder, config: fifo(folder / bundle.WEIGHTS), ["FIFO"]),
    "a pipe in the place of the configuration": (lambda folder, config: fifo(folder / bundle.CONFIG), ["no bundle"]),
    "weights that are text": (raw(b"x" * 100), ["holds no tensors"]),
    "weights that are empty": (raw(b""), ["holds no tensors"]),
    "weights that claim more than they hold": (raw(len(HUGE).to_bytes(8, "little") + HUGE + b"1234"), ["no tensors"]),
    "a weight less": (tensors(**{BIAS: None}), ["has no classifier.bias"]),
    "a weight more": (tensors(more=lambda _: torch.zeros(1)), ["has an unknown more"]),
    "a weight of another shape": (tensors(**{BIAS: lambda old: old[:-1]}), ["classifier.bias", "(2,)", "(3,)"]),
    "a weight of integers": (tensors(**{BIAS: lambda old: old.long()}), ["classifier.bias", "int64"]),
    "a weight in double precision": (tensors(**{BIAS: lambda old: old.double()}), ["classifier.bias", "float64"]),
    "a weight that is nan": (tensors(**{BIAS: lambda old: old * torch.nan}), ["classifier.bias", "not finite"]),
    "configuration that is no JSON": (text(b"{"), ["config.json", "no JSON"]),
    "configuration that is a list": (text(b"[1]"), ["config.json", "list"]),
    "configuration without end": (text(b"[" * 10**5), ["config.json"]),
    "configuration of many bytes": (text(b" " * (2**20 + 1)), ["config.json", "more than"]),
    "a constant that is no JSON": (text(b'{"format": NaN}'), ["NaN"]),
    "a number beyond all floats": (text(b'{"format": 1e999}'), ["too large"]),
    "a key twice": (text(b'{"format": 1, "format": 1}'), ["twice"]),
    "another format": (change("format", value=2), ["format is 2"]),
    "a key less": (change("schedule", value=None), ["has no 'schedule'"]),
    "a key more": (change("run", value="import os"), ["has an unknown 'run'"]),
    "steps of text": (change("step", value="12"), ["step is a str"]),
    "steps below 0": (change("step", value=-1), ["step is -1"]),
    "steps beyond counting": (change("step", value=2**60), ["global_step"]),
    "a generator that is nan": (tensors(**{FIRST: lambda old: old * torch.nan}), ["generator.body.0", "not finite"]),
    "a precision that is none": (change("weights", "precision", value="int8"), ["weights.precision", "int8"]),
    "a hash that is none": (change("weights", "sha256", value="x"), ["weights.sha256"]),
    "scores that are text": (change("scores", value=SCORES), ["scores"]),
    "a class that nobody knows": (change("class", value="os.system"), ["os.system", "none of"]),
    "another class": (change("class", value="LSGAN"), ["class_weight"]),
    "a hyperparameter that is none": (change("hyperparameters", "shell", value="ls"), ["shell"]),
    "a network that is none": (change("hyperparameters", "network", value="../x"), ["network", "../x"]),
    "a size that is huge": (change("hyperparameters", "latent_dim", value=10**12), ["sent"]),
    "a size that is text": (change("hyperparameters", "latent_dim", value="4"), ["sent"]),
    "a schedule of text": (change("schedule", "made", value="x"), ["schedule.made"]),
}
#: What concerns the critic alone, which the command that makes images neither builds nor reads.
UNUSED = {
    "a weight less", "a weight more", "a weight of another shape", "a weight of integers", "a weight that is nan",
    "another class", "a hyperparameter that is none", "a schedule of text",
}  # fmt: skip


@pytest.mark.parametrize("kind", TAMPERED)
def test_a_tampered_bundle_is_refused_in_one_line(kind, sent):
    spoil, told = TAMPERED[kind]
    spoil(*sent)
    with pytest.raises((CheckpointError, sources.SourceError)) as refused:
        zoo.from_pretrained(sent[0])
    assert len(str(refused.value).splitlines()) == 1
    assert all(word in str(refused.value) for word in told), refused.value


@pytest.mark.parametrize("kind", TAMPERED)
def test_where_only_the_generator_is_used_the_rest_changes_nothing(kind, sent, good):
    TAMPERED[kind][0](*sent)
    try:
        ours = samplers.seed_sampler(sources.read(sent[0]))
    except (CheckpointError, sources.SourceError):
        return
    assert kind in UNUSED
    assert torch.equal(images(ours), images(samplers.seed_sampler(sources.read(good))))


def test_a_bundle_that_nobody_touched_is_not_refused(sent):
    assert isinstance(zoo.from_pretrained(sent[0]), zoo.ACGAN)


# -- whole or not at all --


def test_a_bundle_is_replaced_whole_and_nothing_else_ever_is(tmp_path):
    one, other = trained(zoo.WGANGP), trained(zoo.LSGAN)
    folder = write(one, tmp_path / "b")
    assert isinstance(zoo.from_pretrained(write(other, folder)), zoo.LSGAN)
    (folder / "mine.txt").write_text("x")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(OSError, match=r"mine\.txt"):
        write(one, folder)
    assert before == {path: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="no folder"):
        write(one, tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["b", "file"]


def spoilt(folder, error):
    """Begin a folder, and fail."""
    with whole_folder(folder, ["x"]) as partial:
        (partial / "x").write_text("new")
        raise error


def test_what_fails_half_way_leaves_the_old_folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_text("old")
    with pytest.raises(KeyError):
        spoilt(tmp_path / "b", KeyError())
    assert (tmp_path / "b" / "x").read_text() == "old"
    with pytest.raises(OSError, match="full"):
        spoilt(tmp_path / "c", OSError(28, "disk is full", "x"))
    assert os.listdir(tmp_path) == ["b"]


# -- what a bundle says --


def test_the_card_has_the_block_and_every_number(tmp_path):
    model = trained(zoo.ACGAN)
    rows = {"fid": {"generated": 0.14076, "real": 0.0279}, "gap": {"generated": 1.0, "real": None}}
    training = Training(
        "acgan_mnist", "ganzoo fit --config acgan_mnist", {"scorer": "mnist", "samples": 10_000, "scores": rows}
    )
    saved = bundle.saved_of(model) | {
        "data": {"data": "MNISTDataModule"},
        "callbacks": {"Speed": {"images_seen": 256_000}},
    }
    bundle.write(saved, sampler_of(model), tmp_path / "b", training)
    config = json.loads((tmp_path / "b" / bundle.CONFIG).read_text())
    assert (config["class"], config["recipe"], config["data"], config["step"], config["images"]) == (
        "ACGAN", "acgan_mnist", "MNIST", 12, 256_000,
    )  # fmt: skip
    assert config["scores"]["generated"] == {"fid": 0.14076, "gap": 1.0}
    assert config["scores"]["real"] == {"fid": 0.0279}
    assert config["weights"]["sha256"] == hashlib.sha256((tmp_path / "b" / bundle.WEIGHTS).read_bytes()).hexdigest()
    told = (tmp_path / "b" / bundle.CARD).read_text()
    block = yaml.safe_load(told.split("---\n")[1])
    assert block["datasets"] == ["ylecun/mnist"]
    assert "class-conditional" in block["tags"]
    assert block["model-index"][0]["results"][0]["metrics"] == [{"type": "fid", "value": 0.1408}]
    for word in (
        "10,000",
        "`mnist`",
        "256,000",
        "CC BY-SA 3.0",
        "| fid | 0.1408 | 0.0279 |",
        "moving average",
        "limits",
    ):
        assert word in told, word


def test_a_card_says_what_is_not_known(tmp_path):
    config = json.loads((write(trained(zoo.GAN, average=False), tmp_path / "b") / bundle.CONFIG).read_text())
    told = card(config, 10)
    for word in ("Not scored", "as it was trained", "not recorded"):
        assert word in told, word
    assert "datasets" not in yaml.safe_load(told.split("---\n")[1])


def test_every_label_has_a_row_in_the_picture():
    model = trained(zoo.ACGAN)
    wide, high = showing.samples_picture(sampler_of(model)).size
    tile = (wide - GAP) // showing.COLUMNS
    assert (high - GAP) // tile == model.prior.num_labels == 3
