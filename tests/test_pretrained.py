"""Models by name: what ships, what a source may be, and that nothing of it waits for Lightning."""

import gc
import importlib
import pkgutil
import shutil

import pytest
import torch
import yaml

import zoo
from helpers.bundles import images, sampler_of, trained, write
from zoo.engine.errors import CheckpointError
from zoo.hub import bundle, samplers, shipped, sources


@pytest.fixture(scope="module", autouse=True)
def no_other_classes():
    """Other tests leave classes of the zoo's names behind, in cycles, which only a collection takes away."""
    gc.collect()


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_model_is_small_whole_and_says_what_it_is(name):
    folder = shipped.FOLDER / name
    assert sorted(each.name for each in folder.iterdir()) == sorted(bundle.FILES)
    assert sum(each.stat().st_size for each in folder.iterdir()) < 2e6
    model = zoo.from_pretrained(name)
    assert not model.training
    made = model.sample(4, torch.Generator().manual_seed(0))
    assert made.shape == (4, *model.image_shape)
    assert made.std() > 0.1
    assert torch.equal(images(samplers.seed_sampler(sources.read(name))), images(sampler_of(model)))
    block = yaml.safe_load((folder / bundle.CARD).read_text().split("---\n")[1])
    assert block["model-index"][0]["name"] == name
    assert "/" not in (folder / bundle.CONFIG).read_text().split('"command"')[1].split('"step"')[0]  # no machine's path


def test_the_table_has_what_the_files_say():
    rows = {row["name"]: row for row in shipped.rows()}
    assert {"acgan_mnist", "r3gan_mnist"} <= rows.keys()
    assert rows["acgan_mnist"]["model"] == "ACGAN"
    assert rows["acgan_mnist"]["images"] == 256_000
    assert rows["r3gan_mnist"]["scores"]["fid"] == pytest.approx(0.1669, abs=5e-5)  # README's 0.17


def test_a_conditional_model_makes_what_it_is_asked_for():
    """By the scorer that ships: nine tenths are certain, all but certainly."""
    from zoo.scores.scorers import load_scorer

    sampler = samplers.seed_sampler(sources.read("acgan_mnist"))
    made = torch.stack([sampler.make(seed, label).image for label in range(10) for seed in range(5)])
    found = load_scorer("mnist")(made).logits.argmax(dim=1)
    assert (found == torch.arange(10).repeat_interleave(5)).float().mean() > 0.9


# -- sources --


@pytest.fixture
def run_folder(tmp_path):
    """A run's folder with two checkpoints, of another class each, and no bundle."""
    for name, cls in (("last", zoo.WGANGP), ("best", zoo.LSGAN)):
        path = tmp_path / "run" / "checkpoints" / f"{name}.ckpt"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(bundle.saved_of(trained(cls)), path)
    return tmp_path / "run"


def test_a_runs_folder_means_its_bundle_then_its_last_then_its_best_checkpoint(run_folder):
    write(trained(zoo.ACGAN), run_folder / "bundle")
    for wanted, leftover in ((zoo.ACGAN, "bundle"), (zoo.WGANGP, "checkpoints/last.ckpt"), (zoo.LSGAN, None)):
        assert type(zoo.from_pretrained(run_folder)) is wanted
        assert samplers.seed_sampler(sources.read(run_folder)).make(0).image.isfinite().all()
        if leftover == "bundle":
            shutil.rmtree(run_folder / leftover)
        elif leftover:
            (run_folder / leftover).unlink()


def test_a_checkpoint_and_its_bundle_are_one_model(run_folder):
    checkpoint = run_folder / "checkpoints" / "last.ckpt"
    model = zoo.from_pretrained(checkpoint)
    again = zoo.from_pretrained(write(model, run_folder / "b"))
    assert torch.equal(images(sampler_of(again)), images(sampler_of(model)))
    assert torch.equal(images(samplers.seed_sampler(sources.read(checkpoint))), images(sampler_of(model)))


def test_a_name_comes_before_a_folder_in_the_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(trained(zoo.GAN), tmp_path / "acgan_mnist")
    assert isinstance(zoo.from_pretrained("acgan_mnist"), zoo.ACGAN)
    assert type(zoo.from_pretrained("./acgan_mnist")) is zoo.GAN


def test_what_is_no_source_is_told_what_is_one(tmp_path):
    with pytest.raises(sources.SourceError, match=r"no model is called 'acgan': give one of acgan_mnist, .*run folder"):
        zoo.from_pretrained("acgan")
    with pytest.raises(sources.SourceError, match=r"no config\.json and no checkpoints"):
        zoo.from_pretrained(tmp_path)
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="no checkpoint of this zoo"):
        zoo.from_pretrained(tmp_path / "x")


def test_a_model_of_ones_own_is_built_by_its_class(tmp_path):
    """Its generator is no network of the zoo's: what makes images without Lightning leaves it to the class."""

    class Mine(zoo.WGANGP):
        def build_generator(self):
            from helpers.networks import generator

            return generator("mlp", self.latent_dim, self.image_shape, hidden=[5])

    model = trained(Mine)
    source = sources.read(write(model, tmp_path / "b"))
    assert torch.equal(images(samplers.seed_sampler(source)), images(sampler_of(model)))


# -- names are there without their models --


def test_every_model_is_a_name_of_the_zoo_and_every_name_is_there():
    found = set()
    for file in pkgutil.iter_modules(zoo.__path__, "zoo."):
        if not file.ispkg:
            classes = [each for each in vars(importlib.import_module(file.name)).values() if isinstance(each, type)]
            found |= {each.__name__ for each in classes if issubclass(each, zoo.GAN)}
    assert found == set(zoo.__all__) - {"load", "from_pretrained", "init_from"}
    assert set(zoo.__all__) <= set(dir(zoo))
    with pytest.raises(AttributeError, match="no attribute 'StyleGAN9'"):
        zoo.StyleGAN9  # noqa: B018
