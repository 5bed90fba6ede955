"""Bundles: every model comes back as it was; a bundle is whole or not there, and says what it is."""

import gc
import hashlib
import json
import os

import pytest
import torch
import yaml
from safetensors.torch import load_file

import zoo
from helpers.bundles import images, sampler_of, trained, write
from helpers.models import MODELS
from zoo.engine.errors import CheckpointError
from zoo.files.whole_folders import whole_folder
from zoo.hub import bundle, samplers, showing
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
