"""`ganzoo neighbours`: the nearest training images, found as one by one; a copy shows."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cli
import zoo
from commands.data_sets import KNOWN, data_module
from helpers.bundles import lively, sampler_of, trained, write
from helpers.command_line import error
from helpers.models import MARKS
from zoo.hub.nearest import apart, nearest
from zoo.hub.pictures import picture
from zoo.hub.projection import pixels

pytestmark = MARKS


def test_neighbours_are_those_of_a_search_one_by_one():
    data = torch.randint(256, (23, 1, 4, 4), dtype=torch.uint8)
    queries = torch.rand(3, 16) * 2 - 1
    found = nearest(queries, data.split(5), pixels, 4)
    seen = data.flatten(1).float() / 127.5 - 1
    for query, distances, numbers in zip(queries, found.distances, found.numbers, strict=True):
        wanted = (seen - query).square().mean(1).sqrt()
        order = wanted.argsort()[:4]
        assert numbers.tolist() == order.tolist()
        assert torch.allclose(distances, wanted[order], atol=1e-6)
    assert not found.mirrored.any()
    assert apart(seen, seen).diagonal().abs().max() == 0


def test_mirrored_images_count_as_near_where_training_mirrors():
    data = torch.randint(256, (9, 1, 4, 4), dtype=torch.uint8)
    seen = data.float() / 127.5 - 1
    queries = torch.cat([seen[3:4].flip(-1), seen[5:6]]).flatten(1)
    plain, mirror = (nearest(queries, data.split(4), pixels, 2, flip) for flip in (False, True))
    assert plain.numbers[1, 0] == mirror.numbers[1, 0] == 5
    assert (mirror.numbers[0, 0], mirror.distances[0, 0]) == (3, 0)
    assert mirror.mirrored[:, 0].tolist() == [True, False]
    assert plain.distances[0, 0] > 0.1


def test_an_image_is_not_its_own_neighbour_and_its_copy_is():
    data = torch.randint(256, (6, 1, 4, 4), dtype=torch.uint8)
    data[4] = data[1]
    seen = (data.float() / 127.5 - 1).flatten(1)
    found = nearest(seen, data.split(4), pixels, 1, own=torch.arange(6))
    assert not torch.equal(found.numbers[0], torch.tensor([0]))
    assert (found.numbers[1, 0], found.numbers[4, 0]) == (4, 1)
    assert found.distances[1, 0] == 0


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A bundle, and a folder of noise with one of the bundle's samples in it, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write(model := lively(zoo.ACGAN), tmp_path / "own")
    for split in ("train", "val", "test"):
        (folder := tmp_path / "photos" / split / "all").mkdir(parents=True)
        for number in range(9):
            Image.effect_noise((8, 8), 80).save(folder / f"{number}.png")
    made = sampler_of(model).make(4)
    picture(made.image).save(tmp_path / "photos" / "train" / "all" / "copy.png")
    return made.label


def test_a_sample_learnt_by_heart_shows(own, capsys):
    cli.main(["neighbours", "own", "--data", "photos", "--seeds", "0-5", "--nearest", "2", "--out", "out/near.png"])
    told = capsys.readouterr().out
    assert told.splitlines()[-2:] == ["out/near.png", "out/near.csv"]
    rows = list(csv.DictReader(Path("out/near.csv").read_text().splitlines()))
    assert len(rows) == 6 * 2
    distances = {row["seed"]: float(row["distance"]) for row in rows if row["rank"] == "1"}
    copied = distances.pop("4")
    assert copied < 1 / 255  # rounding to bytes
    assert copied < min(distances.values())
    assert next(row["label"] for row in rows if row["seed"] == "4") == str(own)
    assert "least 0.00" in next(line for line in told.splitlines() if "samples:" in line)
    with Image.open("out/near.png") as shown:
        pixels_of = np.asarray(shown)
    tile = 64 + 2
    row = pixels_of[2 + 4 * tile : 2 + 4 * tile + 64]
    assert np.array_equal(row[:, 2:66], row[:, 2 * 2 + 64 + 8 + 2 : 2 * 2 + 64 + 8 + 66])


@pytest.mark.parametrize("name", ["digits"])
def test_a_data_set_by_name_through_its_scorer(name, own, capsys):
    cli.main(
        ["neighbours", "own", "--data", name, "--scorer", name, "--seeds", "0", "--labels", "0-2", "--out", "a.png"]
    )
    assert "training images, by digits" in capsys.readouterr().out
    labels = [row["label"] for row in csv.DictReader(Path("a.csv").read_text().splitlines())]
    assert labels == ["0"] * 6 + ["1"] * 6 + ["2"] * 6


def test_every_known_name_is_a_data_module():
    assert all(type(data_module(name)).__name__ == KNOWN[name] for name in KNOWN)


WRONG = {
    "no data": ([], 2, ["--data"]),
    "no folder": (["--data", "nothing"], 1, ["nothing"]),
    "another size": (["--data", "cifar10"], 2, ["3x32x32", "1x8x8"]),
    "too many": (["--data", "photos", "--nearest", "50"], 2, ["--nearest 50", "training images"]),
    "no png": (["--data", "photos", "--out", "a.gif"], 2, ["--out must end in .png"]),
    "a resize of digits": (["--data", "digits", "--resize", "crop"], 2, ["--resize"]),
    "photos padded": (["--data", "photos", "--resize", "pad"], 2, ["stretch, crop, drawing; got 'pad'"]),
    "mnist cropped": (["--data", "mnist", "--resize", "crop"], 2, ["stretch, pad; got 'crop'"]),
    "a folder to fetch": (["--data", "photos", "--download"], 2, ["--download is for"]),
    "data that is not there": (["--data", "mnist", "--data_dir", "photos"], 1, ["not found", "--download=true"]),
    "no scorer": (["--data", "photos", "--scorer", "nobody"], 2, ["nobody"]),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, own, capsys):
    argv, status, told = WRONG[kind]
    before = sorted(path.name for path in Path().iterdir())
    code, line = error(capsys, "neighbours", "own", *argv, *([] if "--out" in argv else ["--out", "a.png"]))
    assert code == status, line
    assert all(word in line for word in told), line
    assert sorted(path.name for path in Path().iterdir()) == before


def test_points_have_no_neighbours_to_look_at(tmp_path, capsys):
    write(trained(zoo.GAN, network="toy", image_shape=(2, 1, 1), latent_dim=2), tmp_path / "toy")
    code, line = error(capsys, "neighbours", str(tmp_path / "toy"), "--data", "digits", "--out", "a.png")
    assert (code, "points" in line) == (2, True)
