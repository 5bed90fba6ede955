"""From a checkpoint to images, in as few words as people expect."""

import gc

import pytest
import torch

import zoo
from helpers.models import MARKS, build, every_model, latents_for
from helpers.runs import fit
from zoo.engine.errors import CheckpointError

pytestmark = MARKS


@pytest.fixture(autouse=True)
def _no_classes_of_other_tests():
    gc.collect()


def saved(cls, tmp_path, **options):
    model = build(cls, **{"average": {"name": "steps", "decay": 0.5}} | options)
    fit_on = fit(tmp_path, model, steps=2)
    fit_on.save_checkpoint(path := tmp_path / f"{cls.__name__}.ckpt", weights_only=False)
    return path, model


@every_model
def test_a_checkpoint_s_class_is_found_by_itself(cls, tmp_path):
    path, model = saved(cls, tmp_path)
    loaded = zoo.load(path)
    assert type(loaded) is cls
    latents = latents_for(model, 4)
    assert torch.equal(loaded(*latents), model(*latents)), "the average, not the generator as it was trained"
    assert not any(part.training for part in loaded.modules())
    assert torch.equal(loaded(*latents), cls.load_from_checkpoint(path)(*latents))
    assert not cls.load_from_checkpoint(str(path)).training


def test_loading_draws_nothing_from_torch(tmp_path):
    path, _ = saved(zoo.GAN, tmp_path)
    torch.manual_seed(1)
    first = torch.rand(1)
    torch.manual_seed(1)
    zoo.load(path)
    assert torch.equal(torch.rand(1), first)


def test_the_checkpoint_of_another_class_is_named(tmp_path):
    path, _ = saved(zoo.WGANGP, tmp_path)
    with pytest.raises(CheckpointError, match=r"is of WGANGP, not of GAN: zoo.load finds"):
        zoo.GAN.load_from_checkpoint(path)


def test_a_class_that_is_imported_is_found(tmp_path):
    class Mine(zoo.WGAN):
        """A user's own."""

    path, _ = saved(Mine, tmp_path)
    assert type(zoo.load(path)) is Mine
    content = torch.load(path, weights_only=True)
    torch.save(content | {"model_class": "Theirs"}, path)
    with pytest.raises(CheckpointError, match=r"is of a Theirs, which is none of GAN.*import its module first"):
        zoo.load(path)


@pytest.mark.parametrize("load", [zoo.load, zoo.GAN.load_from_checkpoint], ids=["load", "load_from_checkpoint"])
@pytest.mark.parametrize("options", [{"hidden": [10**13]}, {"hidden": [3]}, {"colour": 3}, [1], {"hidden": [10**30]}])
def test_sizes_in_a_file_take_no_memory(load, options, tmp_path):
    path, _ = saved(zoo.GAN, tmp_path)
    content = torch.load(path, weights_only=True)
    content["hyper_parameters"]["generator_options"] = options
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"GAN\.ckpt"):
        load(path)


class Fixed(zoo.GAN):
    """A user's own, which chooses its arguments for itself."""

    def __init__(self, width: int = 8):
        hidden = {"hidden": [width]}
        super().__init__((1, 4, 4), generator_options=hidden, critic_options=hidden, latent_dim=3)


@pytest.mark.parametrize("load", [zoo.load, Fixed.load_from_checkpoint], ids=["load", "load_from_checkpoint"])
def test_a_class_that_takes_fewer_arguments_than_its_base_is_loaded(load, tmp_path):
    model = Fixed(width=5)
    fit(tmp_path, model, steps=1).save_checkpoint(path := tmp_path / "fixed.ckpt", weights_only=False)
    latents = torch.randn(2, 3)
    assert torch.equal(load(path)(latents), model(latents))


def test_a_file_that_is_no_checkpoint_is_named(tmp_path):
    (tmp_path / "x.ckpt").write_text("no")
    for call in (zoo.load, zoo.GAN.load_from_checkpoint):
        with pytest.raises(CheckpointError, match=r"x\.ckpt is no checkpoint"):
            call(tmp_path / "x.ckpt")


def test_a_loaded_model_trains_on_in_training_mode(tmp_path):
    """Lightning leaves a model in the mode that it finds."""
    path, _ = saved(zoo.GAN, tmp_path, generator_options={"hidden": [8, 8], "norm": "batch"})
    loaded = zoo.load(path)
    before = [buffer.clone() for buffer in loaded.generator.buffers()]
    fit(tmp_path, loaded, steps=1)
    assert all(part.training for part in loaded.generator.modules())
    assert any(not torch.equal(*pair) for pair in zip(before, loaded.generator.buffers(), strict=True))


def test_two_classes_of_one_name_are_told_apart(tmp_path):
    own = type("WGAN", (zoo.WGAN,), {"__module__": "mine"})
    path, _ = saved(zoo.WGAN, tmp_path)
    with pytest.raises(CheckpointError, match=r"is in zoo\.wgan and mine: call WGAN\.load_from_checkpoint"):
        zoo.load(path)
    assert type(own.load_from_checkpoint(path)) is own
    del own
    gc.collect()
