"""`ganzoo explore`: planes of images that meet `ganzoo sample` at their corners, as one page."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cli
import zoo
from commands.explore import sprite
from helpers.bundles import lively, sampler_of, still_sampler, trained, write
from helpers.command_line import error
from helpers.models import MARKS, every_model
from helpers.pages import Page
from zoo.hub.between import Between
from zoo.hub.paths import SeedPath
from zoo.hub.pictures import picture
from zoo.hub.planes import SeedPlane, TruncationPlane, planes

pytestmark = MARKS

CORNERS = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


@every_model
def test_corners_are_the_seeds_own_images_and_edges_the_ways_between_them(cls):
    sampler = still_sampler(cls)
    count = sampler.num_labels
    keys = [(seed, None if count is None else seed % count) for seed in (3, 7, 5, 1)]
    plane = SeedPlane(sampler, keys)
    for key, place in zip(keys, CORNERS, strict=True):
        assert torch.equal(plane.place(*place), sampler.make(*key).image)
    for key, other, edge in ((0, 1, (0.25, 0.0)), (2, 3, (0.25, 1.0)), (0, 2, (0.0, 0.25)), (1, 3, (1.0, 0.25))):
        way = SeedPath(sampler, [keys[key], keys[other]])
        assert torch.allclose(plane.place(*edge), way.at(0, 0.25), atol=1e-5)
    middle = plane.place(0.5, 0.5)
    assert middle.isfinite().all()
    assert all((middle - plane.place(*place)).abs().max() > 1e-4 for place in CORNERS)


def test_between_four_labels_a_network_finds_their_means():
    labels = [torch.tensor([each]) for each in (0, 1, 2, 3)]
    upper, lower = Between.of(labels[0], labels[1], 0.25), Between.of(labels[2], labels[3], 0.25)
    label = Between.of(upper, lower, 0.5)
    wanted = torch.tensor([[0.375, 0.125, 0.375, 0.125]])
    embedding = torch.nn.Embedding(4, 5)
    assert torch.allclose(embedding(label), wanted @ embedding.weight)
    assert torch.allclose(embedding.weight[label], wanted @ embedding.weight)
    assert torch.allclose(torch.nn.functional.one_hot(label.long(), 4).float(), wanted)
    assert type(embedding(label)) is torch.Tensor
    assert label.shape == (1,)
    half_plain = Between.of(labels[0], lower, 0.5)
    assert torch.allclose(torch.nn.functional.one_hot(half_plain, 4).float(), torch.tensor([[0.5, 0, 0.375, 0.125]]))
    assert Between.of(upper, lower, 1.0) is lower


def test_a_row_for_each_label_keeps_the_noise():
    sampler = sampler_of(lively(zoo.ACGAN))
    made = planes(sampler, [4, 5, 6, 7], [2, 0], 3, None)
    assert [plane.title for plane in made] == [
        "Between the seeds 4, 5, 6 and 7, label 2",
        "Label by label, from seed 4 to seed 5",
    ]
    rows = made[-1]
    assert rows.rows == ["label 2", "label 0"]
    for row, label in enumerate((2, 0)):
        assert torch.equal(rows.make(row, 0), sampler.make(4, label).image)
        assert torch.equal(rows.make(row, 2), sampler.make(5, label).image)


def test_between_components_of_a_mixture_means_and_deviations_go_straight():
    sampler = sampler_of(lively(zoo.DeLiGAN, prior_options={"components": 4}))
    made = planes(sampler, [0, 1, 2, 3], None, 3, None)
    assert [plane.title.split(",")[0] for plane in made] == [
        "Between the seeds 0", "Between the labels 0", "Label by label",
    ]  # fmt: skip
    prior = sampler.sampler.prior
    noise = SeedPlane(sampler, [(0, label) for label in range(4)]).drawn[0][0]
    z = prior.mu.mean(0) + prior.sigma.mean(0) * noise
    assert torch.allclose(made[1].make(1, 1), sampler.sampler.generator(z)[0], atol=1e-5)


def test_truncation_goes_down_to_the_mean_w():
    sampler = still_sampler(zoo.StyleGAN2)
    made = planes(sampler, [0, 1, 2, 3], None, 3, None)
    plane = made[-1]
    assert plane.rows == ["truncation 1.00", "truncation 0.50", "truncation 0.00"]
    assert torch.equal(plane.make(0, 0), sampler.make(0).image)
    assert torch.equal(plane.make(1, 2), TruncationPlane(sampler, [(0, None), (1, None)], 0.5).at(0, 1.0))
    assert torch.allclose(plane.make(2, 0), plane.make(2, 2))
    assert (plane.make(2, 0) - plane.make(0, 0)).abs().max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 8, 8), (3, 200, 100)])
def test_tiles_of_a_sprite_are_the_images_and_touch_no_other(shape):
    images = torch.rand(2, 3, *shape) * 2 - 1
    sheet = sprite.sheet_of(shape)
    assert (sheet.cell_width % 8, sheet.cell_height % 8) == (0, 0)
    made = sprite.sprite([[[sprite.cell(image, sheet) for image in row] for row in images], [
        [sprite.cell(images[0, 0], sheet)]
    ]])  # fmt: skip
    assert made.size == (3 * sheet.cell_width, 3 * sheet.cell_height)
    left, top = 2 * sheet.cell_width, sheet.cell_height
    tile = made.crop((left, top, left + sheet.width, top + sheet.height))
    wanted = picture(images[1, 2])
    if max(shape) <= sprite.SIDE:
        assert tile.tobytes() == wanted.tobytes()
    assert tile.size == ((64, 128) if shape[1] == 200 else wanted.size)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A conditional bundle of three labels in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write(trained(zoo.ACGAN), tmp_path / "own")


def test_a_page_is_whole_and_loads_nothing(own, capsys):
    argv = ["explore", "own", "--seeds", "0-3", "--steps", "3", "--out"]
    cli.main([*argv, "a.html"])
    cli.main([*argv, "b.html"])
    assert capsys.readouterr().out.splitlines() == ["a.html", "b.html"]
    content = Path("a.html").read_text()
    assert content == Path("b.html").read_text().replace("b.html", "a.html")
    found = Page(content)
    (sprite_, _), (main, _) = *found.all("img"), *found.all("main")
    sheet, sections = json.loads(main["data-sheet"]), found.all("section")
    held = [json.loads(each["data-plane"]) for each, _ in sections]
    assert [len(each["rows"]) for each in held] == [3, 3]
    assert held[1]["rows"] == ["label 0", "label 1", "label 2"]
    assert held[1]["top"] == 3 * sheet["cell_height"]
    with Image.open(io.BytesIO(base64.b64decode(sprite_["src"].partition(",")[2]))) as drawn:
        assert drawn.size == (3 * sheet["cell_width"], 6 * sheet["cell_height"])
        assert np.asarray(drawn).std() > 1
    assert not re.search(r"url\(|@import|https?:|src=\"[^d]", content)
    assert len(content) - len(sprite_["src"]) < 20_000
    assert len(found.all("script")) == 1
    assert [text for _, text in found.all("pre")] == [f"ganzoo {' '.join(argv)} a.html"]


WRONG = {
    "three seeds": (["--seeds", "0-2"], "give 4, 8, 12"),
    "another kind": (["--out", "a.png"], "ends with .html"),
    "one step": (["--steps", "1"], "--steps is 2 to 100"),
    "a label too much": (["--labels", "3"], "labels are in 0 .. 2, got 3"),
    "too many pixels": (["--seeds", "0-399", "--steps", "100"], "fewer --seeds"),
    "no truncation": (["--truncation", "0"], "above 0"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, own, capsys):
    argv, told = WRONG[kind]
    code, line = error(capsys, "explore", "own", *argv)
    assert (code, told in line) == (2, True), line
    assert sorted(path.name for path in Path().iterdir()) == ["own"]


def test_points_have_no_planes(tmp_path, capsys):
    write(trained(zoo.GAN, network="toy", image_shape=(2, 1, 1), latent_dim=2), tmp_path / "toy")
    code, line = error(capsys, "explore", str(tmp_path / "toy"))
    assert (code, "points" in line) == (2, True)
