"""Inception of 2015-12-05, the network that the published Inception Scores, FID and KID are defined on.

It is torch-fidelity's port of TensorFlow's graph; the weights, 96 MB, come from its release page.
"""

import hashlib
import io
import os
import time
import urllib.request
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor

from zoo.scores.classifier import Scored
from zoo.scores.scorer import Scorer, ScorerError, recoloured

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
#: An environment variable: the path of the weights.
VARIABLE = "GANZOO_INCEPTION"
#: Seconds without a byte, and in all, after which the download is given up.
STALL_TIMEOUT, TOTAL_TIMEOUT = 10.0, 900.0


class Inception(Scorer):
    """2048 features (the last pooling layer) and 1008 logits, without the last layer's bias as in the published code.

    As published, images are 8-bit RGB, resized to 299x299 like TensorFlow 1 resizes (bilinear, corners not aligned, no
    antialiasing) and scaled by (x - 128) / 128.
    """

    def prepare(self, images: Tensor) -> Tensor:
        """Convert images [N, 1 or 3, H, W] in [-1, 1] to uint8 [N, 3, H, W]; the network does the rest."""
        return recoloured(images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8), 3)

    def forward(self, images: Tensor) -> Scored:
        """Map images [N, 1 or 3, H, W] in [-1, 1] to (features [N, 2048], logits [N, 1008])."""
        if not len(images):  # the resizing cannot take none
            return Scored(images.new_zeros(0, self.num_features), images.new_zeros(0, self.num_classes))
        return super().forward(images)


def load_inception(sha256: str = SHA256) -> Inception:
    """Build the network with the weights of `sha256`, found as `find_weights` does. Raise ScorerError."""
    try:
        extractor = import_module("torch_fidelity.feature_extractor_inceptionv3")
    except ImportError as error:
        raise ScorerError(f"the scorer inception needs pip install torch-fidelity, and weights: {advice()}") from error
    path = find_weights(sha256)
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise ScorerError(f"{path}: sha256 is {digest}, not {sha256}; remove the file ({advice()})")
    # torch-fidelity unpickles whatever its file holds: it is given what came through here, nothing but tensors
    checked = io.BytesIO()
    try:
        torch.save(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True), checked)
        checked.seek(0)
        network = extractor.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], checked)
    except Exception as error:  # torch raises half a dozen kinds, with pages of advice
        message = type(error).__name__
        raise ScorerError(f"{path}: not this network's weights, read with weights_only=True: {message}") from error
    return Inception("inception", network, (3, 299, 299), 2048, 1008)


def find_weights(sha256: str = SHA256) -> Path:
    """Return the file named by $GANZOO_INCEPTION, else torch hub's, downloaded if missing. Raise ScorerError."""
    if given := os.environ.get(VARIABLE):
        if not Path(given).is_file():
            raise ScorerError(f"${VARIABLE}: there is no file {given} ({advice()})")
        return Path(given)
    path = folder() / FILE
    if not path.is_file():
        download(URL, path, sha256)
    return path


def folder() -> Path:
    """Return where torch hub keeps weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def advice() -> str:
    """Return how to come by the weights, or do without."""
    return (
        f"put {URL} into {folder()}, or its path into ${VARIABLE}; "
        "or score with a shipped classifier, e.g. --scores.scorer=mnist"
    )


def download(url: str, path: Path, sha256: str) -> None:
    """Stream `url` to a partial file that becomes `path` if it is the right one. Raise ScorerError."""
    partial, deadline = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part"), time.monotonic() + TOTAL_TIMEOUT
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=STALL_TIMEOUT) as source, partial.open("xb") as target:
            while chunk := source.read1(1 << 20):
                target.write(chunk)
                digest.update(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done in {TOTAL_TIMEOUT:.0f} s")
        if digest.hexdigest() != sha256:
            raise OSError(f"sha256 is {digest.hexdigest()}, not {sha256}")
        partial.replace(path)
    except (OSError, HTTPException) as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        raise ScorerError(f"{path}: cannot be downloaded ({message}); {advice()}") from error
    finally:
        partial.unlink(missing_ok=True)
