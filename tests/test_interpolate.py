"""`ganzoo interpolate`: ways between seeds, components, codes and labels that end at what `ganzoo sample` makes."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image

import cli
import zoo
from commands import moving_pictures
from helpers.bundles import sampler_of, still_sampler, trained, write
from helpers.command_line import error
from helpers.models import MARKS, every_model
from zoo.hub.between import Between
from zoo.hub.paths import SeedPath, keys_of, positions, rows, spherical

pytestmark = MARKS


@every_model
def test_a_way_begins_and_ends_at_the_seeds_own_images(cls):
    sampler = still_sampler(cls)
    keys = [(3, None), (7, None), (5, None)]
    if sampler.num_labels is not None:
        keys[1] = (7, (sampler.make(3).label + 1) % sampler.num_labels)
    way = SeedPath(sampler, keys)
    for number in range(2):
        assert torch.equal(way.at(number, 0.0), sampler.make(*keys[number]).image)
        assert torch.equal(way.at(number, 1.0), sampler.make(*keys[number + 1]).image)
        ends = way.at(number, 0.0), way.at(number, 1.0)
        middle = way.at(number, 0.5)
        assert middle.isfinite().all()
        assert all((middle - end).abs().max() > 1e-4 for end in ends)
    assert torch.equal(way.at(2, 1.0), sampler.make(*keys[0]).image)  # a loop


@every_model
def test_no_step_of_a_way_is_a_jump(cls):
    sampler = still_sampler(cls)
    labels = (None, None) if sampler.num_labels is None else (0, 1)
    way = SeedPath(sampler, list(zip((1, 1 if labels[1] else 2), labels, strict=True)))
    images = torch.stack([way.at(0, share) for share in torch.linspace(0, 1, 41).tolist()])
    steps = (images[1:] - images[:-1]).flatten(1).norm(dim=1)
    assert steps.min() > 0
    assert steps.max() < 0.25 * steps.sum()


def test_noise_turns_by_equal_angles_at_lengths_between():
    first, second = torch.randn(2, 1, 16).unbind(0)
    second = 3 * second
    points = [spherical(first, second, share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert torch.equal(points[0], first)
    assert torch.equal(points[-1], second)
    angles = torch.stack([torch.cosine_similarity(a, b).acos() for a, b in pairwise(points)])
    assert torch.allclose(angles, angles.mean(), atol=1e-4)
    lengths = torch.stack([point.norm() for point in points])
    assert torch.allclose(lengths, torch.linspace(float(lengths[0]), float(lengths[-1]), 5), atol=1e-4)
    assert torch.allclose(spherical(first, 2 * first, 0.5), 1.5 * first)  # no angle between them
    assert spherical(first, -first, 0.5).abs().max() < 1e-6


def test_uniform_noise_goes_straight_and_stays_where_it_is_drawn():
    sampler = sampler_of(trained(zoo.GAN, prior="uniform"))
    way = SeedPath(sampler, [(0, None), (1, None)])
    wanted = (way.drawn[0][0] + way.drawn[1][0]) / 2
    image = sampler.sampler.generator(wanted)[0]
    assert torch.allclose(way.at(0, 0.5), image, atol=1e-6)


class Styled(torch.nn.Module):
    """A generator by way of w, the square of a latent."""

    num_ws, w_average, sampling_options = 3, torch.tensor([5.0]), ("truncation",)

    def mapping(self, latents, labels):  # noqa: D102
        return latents[:, :1] ** 2

    def synthesis(self, ws, source, noise):  # noqa: D102
        assert ws.shape == (1, 3, 1)
        return ws[:, :, :, None] / 10


def test_a_generator_by_way_of_w_goes_straight_there():
    sampler = sampler_of(trained(zoo.GAN))
    sampler.sampler.generator = Styled()
    way = SeedPath(sampler, [(0, None), (1, None)])
    first, second = (noise[0, 0] ** 2 for noise, _ in way.drawn)
    assert torch.allclose(way.at(0, 0.25), (0.75 * first + 0.25 * second).clamp(-10, 10).expand(3, 1, 1) / 10)
    narrow = SeedPath(sampler, [(0, None), (1, None)], truncation=0.5).at(0, 0.0)
    assert torch.allclose(narrow, ((first + 5) / 20).expand(3, 1, 1))


def test_between_components_means_and_deviations_go_straight():
    model = trained(zoo.DeLiGAN, prior_options={"components": 3})
    sampler, prior = sampler_of(model), model.averaged.module.prior
    way = SeedPath(sampler, [(4, 0), (4, 2)])
    noise = way.drawn[0][0]
    z = torch.lerp(prior.mu[0], prior.mu[2], 0.25) + torch.lerp(prior.sigma[0], prior.sigma[2], 0.25) * noise
    assert torch.allclose(way.at(0, 0.25), sampler.sampler.generator(z)[0], atol=1e-6)
    within = SeedPath(sampler, [(4, 1), (5, 1)]).at(0, 0.5)
    noise = spherical(way.drawn[0][0], SeedPath(sampler, [(5, 1), (4, 1)]).drawn[0][0], 0.5)
    assert torch.allclose(within, sampler.sampler.generator(prior.mu[1] + prior.sigma[1] * noise)[0], atol=1e-6)


def test_between_labels_a_network_finds_means():
    first, second = torch.tensor([0]), torch.tensor([2])
    label = Between.of(first, second, 0.25)
    embedding = torch.nn.Embedding(3, 4)
    a, b = embedding.weight[0], embedding.weight[2]
    assert torch.allclose(embedding(label), (0.75 * a + 0.25 * b)[None])
    assert torch.allclose(embedding.weight[label], (0.75 * a + 0.25 * b)[None])
    assert type(embedding(label)) is torch.Tensor
    assert torch.allclose(torch.nn.functional.one_hot(label, 3).to(torch.float32), torch.tensor([[0.75, 0, 0.25]]))
    assert torch.allclose(torch.nn.functional.one_hot(label.long(), 3).float(), torch.tensor([[0.75, 0, 0.25]]))
    assert torch.allclose(torch.cat([embedding(label), a[None]]).mean(0), 0.875 * a + 0.125 * b)
    assert label.shape == (1,)
    assert Between.of(first, second, 0.0) is first
    assert Between.of(first, second, 1.0) is second


def test_places_and_keys():
    assert positions(3, 2, loop=False) == [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5), (1, 1.0)]
    assert positions(2, 2, loop=True) == [(0, 0.0), (0, 0.5), (1, 0.0), (1, 0.5)]
    assert rows(3, 3, loop=False) == [(0, 0.0), (0, 0.5), (0, 1.0), (1, 0.0), (1, 0.5), (1, 1.0)]
    assert keys_of([3, 7], None) == [(3, None), (7, None)]
    assert keys_of([3, 7], [5]) == [(3, 5), (7, 5)]
    assert keys_of([3, 7], [5, 1]) == [(3, 5), (7, 1)]
    assert keys_of([3], [5, 1, 2]) == [(3, 5), (3, 1), (3, 2)]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A conditional bundle of three labels in the current folder."""
    monkeypatch.chdir(tmp_path)
    return write(trained(zoo.ACGAN), tmp_path / "own")


def test_a_gif_has_a_frame_for_each_step_and_is_the_same_again(own, capsys):
    command = ["interpolate", "own", "--seeds", "3,7,3", "--labels", "1", "--steps", "4", "--out"]
    cli.main([*command, "a.gif"])
    cli.main([*command, "b.gif"])
    assert capsys.readouterr().out.splitlines() == ["a.gif", "b.gif"]
    assert Path("a.gif").read_bytes() == Path("b.gif").read_bytes()
    with Image.open("a.gif") as picture:
        assert picture.n_frames == 2 * 4 + 1
        assert picture.size == (128, 128)
        assert picture.info["duration"] == 50


def test_a_png_has_a_row_for_each_way(own):
    cli.main(["interpolate", "own", "--seeds", "1", "--labels", "0-2", "--steps", "3", "--out", "way.png"])
    with Image.open("way.png") as picture:
        assert picture.width // 64 == 3
        assert picture.height // 64 == 2


WRONG = {
    "one end": (["--seeds", "3"], "two ends"),
    "labels that do not fit": (["--seeds", "1-3", "--labels", "1,2"], "one for each of the 3 seeds"),
    "a label too much": (["--labels", "3"], "labels are in 0 .. 2, got 3"),
    "another kind": (["--out", "way.avi"], "--out must end in .gif, .png, .mp4"),
    "one step": (["--steps", "1"], "--steps is at least 2"),
    "no ffmpeg": (["--out", "way.mp4"], "needs ffmpeg"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, own, capsys, monkeypatch):
    monkeypatch.setattr(moving_pictures.shutil, "which", lambda name: None)
    argv, told = WRONG[kind]
    code, line = error(capsys, "interpolate", "own", *argv, *([] if "--out" in argv else ["--out", "way.gif"]))
    assert (code, told in line) == (2, True), line
    assert sorted(path.name for path in Path().iterdir()) == ["own"]


def test_points_have_no_way(tmp_path, capsys):
    write(trained(zoo.GAN, network="toy", image_shape=(2, 1, 1), latent_dim=2), tmp_path / "toy")
    code, line = error(capsys, "interpolate", str(tmp_path / "toy"), "--out", "way.gif")
    assert (code, "points" in line) == (2, True)


def test_ffmpeg_is_given_every_frame(monkeypatch):
    """As it is asked for: no test needs the program."""
    asked = []

    def run(command, **options):
        asked.append((command, options["input"]))
        return subprocess.CompletedProcess(command, int(len(asked) > 1), b"film", b"first\nlast line\n")

    monkeypatch.setattr(moving_pictures.shutil, "which", lambda name: "/bin/ffmpeg")
    monkeypatch.setattr(moving_pictures.subprocess, "run", run)
    frames = [Image.new("L", (5, 3), grey) for grey in (0, 255)]
    assert moving_pictures.mp4(frames, 20) == b"film"
    command, stream = asked[0]
    assert command[0] == "/bin/ffmpeg"
    assert "5x3" in command
    assert stream == bytes(45) + b"\xff" * 45
    with pytest.raises(ValueError, match="last line"):
        moving_pictures.mp4(frames, 20)
