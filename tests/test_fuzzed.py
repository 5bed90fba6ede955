"""Whatever the bytes of a data file: images, or a DataError; of a bundle: a model, or a CheckpointError."""

import hashlib
import io
import json

import numpy as np
from PIL import Image

import zoo
from datamodules import DataError, FolderDataModule, MNISTDataModule
from helpers.bundles import trained, write
from helpers.hostile import NAMES, mnist, pictures
from zoo.engine.errors import CheckpointError
from zoo.hub import bundle, showing, sources


def mutated(content, generator):
    content = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        kind, place = generator.integers(3), int(generator.integers(len(content) + 1))
        if kind == 0:
            content[place:place] = generator.bytes(int(generator.integers(1, 9)))
        elif kind == 1:
            del content[place : place + int(generator.integers(1, 99))]
        elif place < len(content):
            content[place] = int(generator.integers(256))
    return bytes(content) or b"\0"


def test_fuzzed_idx_files_are_read_or_refused(tmp_path):
    raw = mnist(tmp_path)
    good = {name: (raw / name).read_bytes() for name in NAMES}
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(300):
        name = NAMES[generator.integers(4)]
        (raw / name).write_bytes(mutated(good[name], generator))
        data = MNISTDataModule(data_dir=str(tmp_path / "data"), check_md5=False, val_size=4)
        try:
            data.setup()
            outcomes.add("read")
        except DataError as error:
            message = str(error)
            outcomes.add("refused" if "-ubyte" in message and "\n" not in message else message)
        (raw / name).write_bytes(good[name])
    assert outcomes == {"read", "refused"}


def test_fuzzed_images_are_read_or_refused(tmp_path):
    pictures(tmp_path)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8))
    kinds = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF"}
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(100):
        extension, kind = list(kinds.items())[generator.integers(len(kinds))]
        noise.save(buffer := io.BytesIO(), kind)
        file = tmp_path / "pictures" / "a" / f"fuzzed.{extension}"
        file.write_bytes(mutated(buffer.getvalue(), generator))
        try:
            FolderDataModule(str(tmp_path / "pictures"), image_size=8).setup()
            outcomes.add("read")
        except DataError as error:
            message = str(error)
            outcomes.add("refused" if file.name in message and "\n" not in message else message)
        file.unlink()
    assert outcomes == {"read", "refused"}


def test_fuzzed_bundles_are_read_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(showing, "COLUMNS", 1)
    folder = write(trained(zoo.ACGAN), tmp_path / "b")
    config, weights = ((folder / name).read_bytes() for name in (bundle.CONFIG, bundle.WEIGHTS))
    head = 8 + int.from_bytes(weights[:8], "little")  # where the numbers begin
    generator, outcomes = np.random.default_rng(0), set()
    for number in range(120):
        if number % 2:
            (folder / bundle.CONFIG).write_bytes(mutated(config, generator))
            (folder / bundle.WEIGHTS).write_bytes(weights)
        else:
            content = mutated(weights[:head], generator) + weights[head:]
            (folder / bundle.WEIGHTS).write_bytes(content)
            told = json.loads(config)
            told["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
            (folder / bundle.CONFIG).write_text(json.dumps(told))
        try:
            zoo.from_pretrained(folder)
            outcomes.add("read")
        except (CheckpointError, sources.SourceError) as error:
            outcomes.add("refused" if "\n" not in str(error) else str(error))
    assert outcomes - {"read"} == {"refused"}  # a change of the recipe's name, say, does no harm
