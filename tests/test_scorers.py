"""The scorers: what is shipped, what a user brings, Inception, and what happens if one cannot be had."""

import json

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from datamodules import DigitsDataModule, FlowersDataModule, MNISTDataModule
from datamodules.scaling import to_unit_range
from zoo.scores.classifier import Classifier
from zoo.scores.scorer import Scorer, ScorerError
from zoo.scores.scorers import FOLDER, INDEX, load_scorer, load_shipped


def accuracy(scorer: Scorer, images: torch.Tensor, labels: torch.Tensor) -> float:
    parts = zip(images.split(500), labels.split(500), strict=True)
    return sum(int((scorer(to_unit_range(x)).logits.argmax(dim=1) == y).sum()) for x, y in parts) / len(images)


# -- what is shipped --


@pytest.mark.parametrize("name", INDEX)
def test_shipped_scorers_are_frozen_and_say_what_they_are(name):
    scorer = load_scorer(name)
    assert scorer.name == name
    assert scorer.image_shape == tuple(INDEX[name]["image_shape"])
    assert (FOLDER / f"{name}.safetensors").stat().st_size < 1_500_000
    scorer.train()
    assert not any(module.training for module in scorer.modules())
    assert not any(parameter.requires_grad for parameter in scorer.parameters())
    features, logits = scorer(torch.zeros(2, *scorer.image_shape).requires_grad_())
    assert features.shape == (2, scorer.num_features)
    assert logits.shape == (2, scorer.num_classes)
    assert not logits.requires_grad


def test_digits_are_told_apart_at_any_size():
    for size in (8, 16, 28):
        data = DigitsDataModule(image_size=size)
        data.setup()
        assert accuracy(load_scorer("digits"), *data.splits["test"]) >= (0.98 if size == 8 else 0.95)


def test_the_recorded_accuracy_of_digits_is_right():
    data = DigitsDataModule()
    data.setup()
    assert accuracy(load_scorer("digits"), *data.splits["test"]) == pytest.approx(
        INDEX["digits"]["test_accuracy"], abs=0.003
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "data", "least", "within"),
    [("mnist", MNISTDataModule, 0.993, 0.0005), ("flowers", FlowersDataModule, 0.7, 0.005)],
)
def test_held_out_images_are_told_apart_as_recorded(name, data, least, within, real_data):
    data = data(data_dir=str(real_data))
    data.setup()
    result = accuracy(load_scorer(name), *data.splits["test"])
    assert result >= least
    assert result == pytest.approx(INDEX[name]["test_accuracy"], abs=within)


def test_the_index_has_what_it_takes_to_do_it_again():
    for name, entry in INDEX.items():
        begin, end = f"ganzoo scorer --config {name} ", f"--out zoo/scores/weights/{name}.safetensors"
        assert entry["command"].startswith(begin)
        assert entry["command"].endswith(end)
        options = entry["command"].removeprefix(begin).removesuffix(end)  # of data in another form
        assert options == ("--data cifar10_jpeg --image_size 32 " if name == "cifar10" else "")


# -- what it does to images --


def test_loading_leaves_the_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_scorer("digits")
    assert torch.equal(torch.rand(3), expected)


class Probe(nn.Module):
    """Keeps the images that it is given."""

    def forward(self, images):  # noqa: D102
        self.seen = images
        return images.flatten(1).double(), images.flatten(1)[:, :2]


def test_sizes_and_channels_are_made_to_fit():
    probe = Probe()
    scorer = Scorer("probe", probe, (1, 4, 4), 16, 2)
    image = torch.rand(2, 1, 4, 4)
    features, _ = scorer(image)
    assert torch.equal(probe.seen, image)
    assert features.dtype == torch.float32
    scorer(image.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    assert probe.seen.shape == (2, 1, 4, 4)
    scorer(torch.full((2, 3, 4, 4), 0.5))
    assert_close(probe.seen, torch.full((2, 1, 4, 4), 0.5))  # grey in three channels is that grey
    Scorer("probe", probe, (3, 4, 4), 48, 2)(image)
    assert torch.equal(probe.seen, image.expand(2, 3, 4, 4))
    with pytest.raises(ScorerError, match="1 channels cannot look at images with 2"):
        scorer(torch.zeros(2, 2, 4, 4))
    assert scorer(torch.zeros(0, 1, 9, 9)).logits.shape[0] == 0


def test_autocast_does_not_reach_the_scorer():
    scorer, images = load_scorer("digits"), torch.rand(3, 1, 8, 8)
    expected = scorer(images).logits
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(scorer(images).logits, expected)


# -- what a user brings --


def test_an_unknown_name_is_one_line():
    with pytest.raises(ScorerError, match="no scorer and no file is called 'cifar'") as error:
        load_scorer("cifar")
    assert "digits" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "digits.safetensors"
    content = bytearray((FOLDER / "digits.safetensors").read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ScorerError, match="sha256 is .*, not " + INDEX["digits"]["sha256"]) as error:
        load_shipped("digits", path, INDEX["digits"])
    assert "\n" not in str(error.value)
    with pytest.raises(ScorerError, match="No such file"):
        load_shipped("digits", tmp_path / "none", INDEX["digits"])


def test_other_checkpoints_are_refused(tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save({"model_class": "WGANGP", "hyper_parameters": {}, "state_dict": {}}, path)
    with pytest.raises(ScorerError, match="is the checkpoint of a WGANGP"):
        load_scorer(str(path))
    torch.save({"model_class": "Classifier", "code": nn.ReLU()}, path)  # needs more than weights_only allows
    with pytest.raises(ScorerError, match="no Classifier's checkpoint"):
        load_scorer(str(path))
    (tmp_path / "mine.safetensors").touch()
    with pytest.raises(ScorerError, match=r"mine\.safetensors: such files ship with the zoo"):
        load_scorer(str(tmp_path / "mine.safetensors"))
    path.write_text("no checkpoint")
    with pytest.raises(ScorerError, match="no Classifier's checkpoint"):
        load_scorer(str(path))


def test_a_checkpoint_gives_the_outputs_of_its_model(tmp_path):
    model = Classifier((3, 6, 6), 4, width=4, stages=1)
    saved = {"hyper_parameters": dict(model.hparams), "state_dict": model.state_dict()}
    model.on_save_checkpoint(saved)
    torch.save(saved, tmp_path / "own.ckpt")
    images = torch.rand(2, 3, 6, 6)
    with torch.no_grad():
        expected = model.eval()(images).logits
    assert_close(load_scorer(str(tmp_path / "own.ckpt"))(images).logits, expected)


def test_the_index_is_json_that_people_can_read():
    assert json.loads((FOLDER / "index.json").read_text()) == INDEX


def hostile_scorer(path, **sizes):
    """A Classifier's checkpoint that claims other sizes than its weights have."""
    model = Classifier((1, 8, 8), 3, width=4, max_width=4, stages=1)
    options = {"image_shape": [1, 8, 8], "num_classes": 3, "width": 4, "max_width": 4, "stages": 1} | sizes
    saved = {"model_class": "Classifier", "hyper_parameters": options, "state_dict": model.state_dict()}
    torch.save(saved, path)
    return str(path)


@pytest.mark.parametrize(
    "sizes",
    [{"width": 10**7}, {"stages": 10**9}, {"width": "4"}, {"image_shape": [1]}, {"width": 5}, {"num_classes": -1}],
)
def test_a_scorer_is_no_larger_than_its_weights(sizes, tmp_path):
    assert load_scorer(hostile_scorer(tmp_path / "honest.ckpt")).num_classes == 3
    with pytest.raises(ScorerError, match=r"hostile\.ckpt"):
        load_scorer(hostile_scorer(tmp_path / "hostile.ckpt", **sizes))
