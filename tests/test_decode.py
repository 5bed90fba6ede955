"""Image files of every mode and size become squares of bytes."""

import ast
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from datamodules.decode import decode, read_image
from helpers.data import noise


def saved(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


WIDE = np.array([[0, 10, 20, 30], [40, 50, 60, 70]], np.uint8)  # 2 rows of 4


def test_stretch_and_crop_against_pixels_worked_out_by_hand(tmp_path):
    """At size 2, crop of 4x2 keeps columns 1 and 2; stretch weights the columns of 2:1 reduction by 3, 3, 1 of 7."""
    wide = saved(tmp_path, Image.fromarray(WIDE))
    assert decode(wide, 1, 2, "crop").tolist() == [[[10, 20], [50, 60]]]
    # triangle of half-width 2 about 1.0: columns at .5, 1.5, 2.5 have weights 3/4, 3/4, 1/4
    left, right = round((0 * 3 + 10 * 3 + 20) / 7), round((10 + 20 * 3 + 30 * 3) / 7)
    assert decode(wide, 1, 2, "stretch").tolist() == [[[left, right], [left + 40, right + 40]]]
    tall = saved(tmp_path, Image.fromarray(WIDE.T.copy()))
    assert decode(tall, 1, 2, "crop").tolist() == [[[10, 50], [20, 60]]]


def test_a_crop_of_odd_lengths_is_centred(tmp_path):
    """5 columns to 2 of a 2-row image: the middle 2 lie from 1.5 to 3.5, half-way between columns."""
    image = saved(tmp_path, Image.fromarray(np.array([[0, 100, 200, 100, 0]] * 2, np.uint8)))
    assert decode(image, 1, 2, "crop").tolist() == [[[150, 150], [150, 150]]]


def test_a_square_of_the_right_size_is_left_as_it_is(tmp_path):
    pixels = np.asarray(noise(9, 9))
    for resize in ("stretch", "crop"):
        got = decode(saved(tmp_path, Image.fromarray(pixels)), 3, 9, resize)
        assert np.array_equal(got, pixels.transpose(2, 0, 1))


def test_resizing_is_antialiased(tmp_path):
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    got = decode(saved(tmp_path, Image.fromarray(board)), 1, 8, "stretch")
    assert np.abs(got.astype(int) - 127.5).max() < 8


def first_pixel(path, channels=3):
    return read_image(path, channels, 2, "stretch").pixels[:, 0, 0].tolist()


def half_clear(mode, colour):
    """A 2x2 image of `colour`, an RGBA with alpha, in `mode`."""
    return Image.new("RGBA", (2, 2), colour).convert(mode)


def palette(transparency=None):
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 100, 0])
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def sixteen(value):
    return Image.fromarray(np.full((2, 2), value, np.uint16))


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        pytest.param(Image.new("RGB", (2, 2), (1, 2, 3)), "x.png", [1, 2, 3], id="RGB"),
        pytest.param(Image.new("L", (2, 2), 77), "x.png", [77] * 3, id="grey"),
        pytest.param(Image.new("1", (2, 2), 1), "x.png", [255] * 3, id="1 bit"),
        pytest.param(palette(), "x.png", [200, 100, 0], id="palette"),
        pytest.param(palette(), "x.gif", [200, 100, 0], id="gif"),
        pytest.param(palette(transparency=1), "x.png", [255] * 3, id="palette, clear colour"),
        pytest.param(palette(transparency=b"\xff\x80"), "x.png", [227, 177, 127], id="palette, half clear"),
        pytest.param(palette(transparency=1), "x.gif", [255] * 3, id="gif, clear colour"),
        pytest.param(half_clear("RGBA", (200, 100, 0, 0)), "x.png", [255] * 3, id="clear"),
        pytest.param(half_clear("RGBA", (200, 100, 0, 128)), "x.png", [227, 177, 127], id="half clear"),
        pytest.param(half_clear("LA", (100, 100, 100, 128)), "x.png", [177] * 3, id="grey, half clear"),
        pytest.param(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "x.jpg", [254, 0, 0], id="CMYK jpeg"),
        pytest.param(Image.new("CMYK", (2, 2), (0, 255, 255, 0)), "x.tif", [255, 0, 0], id="CMYK tiff"),
        pytest.param(sixteen(65535), "x.png", [255] * 3, id="16 bits, white"),
        pytest.param(sixteen(257 * 90), "x.png", [90] * 3, id="16 bits"),
        pytest.param(sixteen(128), "x.png", [0] * 3, id="16 bits, rounded down"),
        pytest.param(sixteen(129), "x.png", [1] * 3, id="16 bits, rounded up"),
        pytest.param(sixteen(257 * 90), "x.tif", [90] * 3, id="16 bits tiff"),
        pytest.param(Image.new("I", (2, 2), 257 * 90), "x.tif", [90] * 3, id="32 bits within 16"),
    ],
)
def test_images_of_every_mode_become_rgb(tmp_path, image, name, expected):
    assert first_pixel(saved(tmp_path, image, name)) == pytest.approx(expected, abs=1)


def test_rgb_becomes_grey_by_luminance(tmp_path):
    image = saved(tmp_path, Image.new("RGB", (2, 2), (255, 0, 100)))
    assert first_pixel(image, channels=1) == [round(0.299 * 255 + 0.114 * 100)]


def test_sixteen_bit_grey_with_each_level_keeps_its_order(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    got = decode(saved(tmp_path, Image.fromarray(ramp)), 1, 8, "stretch")
    assert np.abs(got[0] - ramp / 257).max() <= 0.5


def test_clear_pixels_have_no_colour_that_bleeds(tmp_path):
    """A clear red beside an opaque white: nothing red may come out of the resizing."""
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    image.paste((255, 255, 255, 255), (4, 0, 8, 8))
    assert (decode(saved(tmp_path, image), 3, 4, "stretch") == 255).all()


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, [[0, 1], [2, 3]]), (2, [[1, 0], [3, 2]]), (3, [[3, 2], [1, 0]]), (6, [[2, 0], [3, 1]]), (8, [[1, 3], [0, 2]])],
)
def test_images_are_turned_as_their_exif_says(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array([[0, 1], [2, 3]], np.uint8) * 60)
    got = decode(saved(tmp_path, image, exif=exif), 1, 2, "stretch")
    assert (got[0] // 60).tolist() == expected


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp", "x.tif"])
def test_animated_images_give_their_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
    assert first_pixel(path) == pytest.approx([250, 0, 0], abs=2)


def test_a_camera_s_jpeg_of_several_pictures_gives_its_first(tmp_path):
    """MPO: PIL's JPEG decoder finds out by itself."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    path = saved(tmp_path, frames[0], "x.mpo", save_all=True, append_images=frames[1:])
    with Image.open(path) as image:
        assert image.format == "MPO"
    assert first_pixel(path.rename(tmp_path / "x.jpg")) == pytest.approx([250, 0, 0], abs=3)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def test_a_picture_starts_no_program(tmp_path, monkeypatch):
    (path := tmp_path / "a.png").write_bytes(EPS)
    with Image.open(path) as image:
        assert image.format == "EPS"  # else this would test nothing
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("starts a program"))
    with pytest.raises(UnidentifiedImageError):
        decode(path, 3, 4, "stretch")


@pytest.mark.parametrize("kind", ["ICO", "PCX", "SGI", "TGA", "JPEG2000", "DDS", "PDF"])
def test_other_decoders_are_not_used_whatever_the_name(kind, tmp_path):
    noise(16, 16).save(tmp_path / "a.png", kind)
    with pytest.raises(UnidentifiedImageError):
        decode(tmp_path / "a.png", 3, 4, "stretch")


def test_every_picture_is_opened_with_a_list_of_decoders():
    root = Path(decode.__code__.co_filename).parents[1]
    sources = [
        path for folder in ("zoo", "datamodules", "callbacks", "commands") for path in root.glob(f"{folder}/**/*.py")
    ]
    calls = [
        (path.name, ast.unparse(call))
        for path in sources
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Image.open", "PIL.Image.open")
    ]
    assert len(calls) >= 2
    assert all("formats=" in call and "(stream" in call for _, call in calls), calls


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_the_fast_way_to_large_jpegs_gives_the_same_picture(tmp_path, resize):
    rough = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8))
    large = rough.resize((1200, 900), Image.Resampling.BICUBIC)
    fast = decode(saved(tmp_path, large, "x.jpg", quality=95), 3, 64, resize).astype(int)
    full = decode(saved(tmp_path, large, "x.png"), 3, 64, resize).astype(int)
    assert np.abs(fast - full).mean() < 1
    assert np.abs(fast - full).max() < 8
