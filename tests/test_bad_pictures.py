"""Pictures that cannot be decoded, are too large, or are named to deceive."""

import io
import os
import struct
import zlib

import pytest
from PIL import Image

from datamodules import FolderDataModule
from helpers.data import noise, one_line_error, write_images


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb():
    """A PNG whose header promises 20,000 x 20,000 pixels."""
    content = bytearray(encoded(Image.new("1", (2, 2)), "PNG"))
    content[16:24] = struct.pack(">II", 20_000, 20_000)
    return with_crc(content)


def near_bomb():
    """100 million pixels: what PIL only warns of."""
    content = bytearray(encoded(Image.new("1", (2, 2)), "PNG"))
    content[16:24] = struct.pack(">II", 10_000, 10_000)
    return with_crc(content)


def with_crc(content):
    """A PNG with the right checksum of its header."""
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("bad.jpg", b"", id="no bytes"),
        pytest.param("bad.jpg", b"this is text\n" * 50, id="text"),
        pytest.param("bad.png", bytes(range(256)) * 8, id="garbage"),
        pytest.param("bad.jpg", encoded(noise(64, 64), "JPEG")[:-500], id="truncated jpeg"),
        pytest.param("bad.png", encoded(noise(64, 64), "PNG")[:-500], id="truncated png"),
        pytest.param("bad.gif", encoded(noise(64, 64), "GIF")[:-500], id="truncated gif"),
        pytest.param("bad.webp", encoded(noise(64, 64), "WEBP")[:-500], id="truncated webp"),
        pytest.param("bad.bmp", encoded(noise(64, 64), "BMP")[:-500], id="truncated bmp"),
        pytest.param("bad.png", encoded(noise(9, 9), "PNG")[:-30] + b"x" * 30, id="damaged png"),
        pytest.param("bad.png", bomb(), id="decompression bomb"),
        pytest.param("bad.png", near_bomb(), id="large enough for a warning"),
        pytest.param("bad.tif", encoded(Image.new("F", (4, 4), 0.5), "TIFF"), id="floating point"),
        pytest.param("bad.tif", encoded(Image.new("I", (4, 4), 10**6), "TIFF"), id="more than 16 bits"),
        pytest.param("bad.tif", encoded(Image.new("I", (4, 4), -1), "TIFF"), id="negative"),
    ],
)
def test_a_bad_image_is_named_and_the_others_counted(tmp_path, name, content):
    write_images(tmp_path, 4)
    (tmp_path / name).write_bytes(content)
    data = FolderDataModule(str(tmp_path), image_size=4)
    message = one_line_error(data.setup)
    assert message.startswith(f"{tmp_path / name}: ")
    assert "more" not in message.split(")")[-1]

    (tmp_path / "zz.png").write_bytes(b"bad as well")
    message = one_line_error(FolderDataModule(str(tmp_path), image_size=4).setup)
    assert message.startswith(f"{tmp_path / name}: ")
    assert "and 1 more" in message


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_pil_only_warns_of_is_refused_whatever_the_warning_filters(tmp_path):
    (write_images(tmp_path, 4) / "bad.png").write_bytes(near_bomb())
    assert "DecompressionBombWarning" in one_line_error(FolderDataModule(str(tmp_path)).setup)


def test_a_name_that_a_terminal_would_obey_is_written_out(tmp_path, caplog):
    for name in (b"a\nganzoo: error: all is well\x1b[2J\xff.png", b"b.x\ny"):
        (write_images(tmp_path, 4) / os.fsdecode(name)).write_bytes(b"bad")
    with caplog.at_level("INFO"):
        message = one_line_error(FolderDataModule(str(tmp_path)).setup)
    assert "a\\nganzoo: error: all is well\\x1b[2J\\udcff.png: cannot be read" in message
    assert "ignored: 1 .x\\ny" in caplog.text
