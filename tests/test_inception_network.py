"""The Inception network as a scorer: its outputs, its weights, and what is said where they are missing."""

import hashlib
import importlib
import importlib.util
import io
import time

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from datamodules.scaling import to_unit_range
from zoo.scores import inception_network
from zoo.scores.scorer import ScorerError
from zoo.scores.scorers import load_scorer

needs_fidelity = pytest.mark.skipif(importlib.util.find_spec("torch_fidelity") is None, reason="needs torch-fidelity")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights in the format of the published one, its sha256, and the network it belongs to."""
    extractor = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extractor.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = extractor.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], nothing)
    path = tmp_path_factory.mktemp("inception") / inception_network.FILE
    torch.save(network.state_dict(), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest(), network


@needs_fidelity
def test_inception_sees_8_bit_rgb_and_gives_features_and_logits(weights, monkeypatch):
    path, sha256, network = weights
    monkeypatch.setenv("GANZOO_INCEPTION", str(path))
    scorer = inception_network.load_inception(sha256)
    assert (scorer.name, scorer.num_features, scorer.num_classes) == ("inception", 2048, 1008)
    levels = torch.randint(0, 256, (2, 1, 9, 9), dtype=torch.uint8)
    features, logits = scorer(to_unit_range(levels))
    expected = network(levels.expand(-1, 3, -1, -1))
    assert_close(features, expected[0])
    assert_close(logits, expected[1])
    assert features.shape == (2, 2048)
    assert logits.shape == (2, 1008)
    assert scorer(torch.zeros(0, 3, 9, 9)).features.shape == (0, 2048)
    assert not any(parameter.requires_grad for parameter in scorer.parameters())


@needs_fidelity
def test_inception_is_checked_before_it_is_loaded(weights, monkeypatch):
    monkeypatch.setenv("GANZOO_INCEPTION", str(weights[0]))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("loaded what was not checked"))
    with pytest.raises(ScorerError, match="not 6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"):
        load_scorer("inception")


@needs_fidelity
def test_inception_is_found_in_the_hub_cache(weights, monkeypatch):
    monkeypatch.delenv("GANZOO_INCEPTION", raising=False)
    monkeypatch.setattr(inception_network, "folder", lambda: weights[0].parent)
    assert inception_network.find_weights() == weights[0]


@needs_fidelity
def test_code_in_the_file_is_not_run(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": nn.ReLU()}, path)
    monkeypatch.setenv("GANZOO_INCEPTION", str(path))
    with pytest.raises(ScorerError, match="weights_only"):
        inception_network.load_inception(hashlib.sha256(path.read_bytes()).hexdigest())


@needs_fidelity
@pytest.mark.parametrize("given", [True, False])
def test_without_weights_the_error_says_what_to_do(given, tmp_path, monkeypatch):
    if given:
        monkeypatch.setenv("GANZOO_INCEPTION", str(tmp_path / "none.pth"))
    else:
        monkeypatch.delenv("GANZOO_INCEPTION", raising=False)
        monkeypatch.setattr(inception_network, "URL", "http://127.0.0.1:9/none.pth")  # nobody listens there
    monkeypatch.setattr(inception_network, "folder", lambda: tmp_path / "cache")
    begin = time.monotonic()
    with pytest.raises(ScorerError) as error:
        load_scorer("inception")
    assert time.monotonic() - begin < 5
    message = str(error.value)
    assert "\n" not in message
    for part in (
        inception_network.URL,
        str(tmp_path / "cache"),
        "GANZOO_INCEPTION",
        "shipped",
        "mnist",
        "none.pth",
    ):
        assert part in message
    assert not list(tmp_path.rglob("*.part"))


def test_a_download_that_is_wrong_leaves_nothing(tmp_path):
    source, target = tmp_path / "source", tmp_path / "cache" / "target"
    source.write_bytes(b"right")
    with pytest.raises(ScorerError, match="sha256 is"):
        inception_network.download(source.as_uri(), target, "0" * 64)
    assert not list((tmp_path / "cache").iterdir())
    inception_network.download(source.as_uri(), target, hashlib.sha256(b"right").hexdigest())
    assert target.read_bytes() == b"right"
