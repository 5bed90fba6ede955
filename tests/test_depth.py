"""Pictures of more than 8 bits: scaled by what the file says, else refused; never black without a word."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from datamodules import FolderDataModule
from datamodules.decode import decode
from helpers.data import one_line_error, write_images

#: 8x8 grey levels from 0 to 4095: 12 bits.
RAMP = np.linspace(0, 4095, 64).round().astype(np.uint16).reshape(8, 8)
AS_BYTES = (RAMP / 4095 * 255).round()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(pixels, colour_type, significant=None):
    """A 16-bit PNG of [H, W, channels]."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    said = chunk(b"sBIT", bytes(significant)) if significant else b""
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + said + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


TYPES = {3: ("H", 2), 4: ("I", 4), 9: ("i", 4), 11: ("f", 4), 12: ("d", 8)}


def tiff(content, bits, **tags):
    """An uncompressed TIFF of 8x8 pixels; tags are t262=(type, value, ...)."""
    entries = {256: (3, 8), 257: (3, 8), 258: (3, *bits), 259: (3, 1), 262: (3, 1), 277: (3, len(bits)), 278: (3, 8)}
    entries |= {279: (4, len(content))} | {int(name[1:]): entry for name, entry in tags.items()}
    long = sum(size * len(values) for kind, *values in entries.values() if (size := TYPES[kind][1]) * len(values) > 4)
    place = 8 + 2 + 12 * (len(entries) + 1) + 4
    entries[273] = (4, place + long)
    directory, beyond = b"", b""
    for tag, (kind, *values) in sorted(entries.items()):
        raw = struct.pack(f"<{len(values)}{TYPES[kind][0]}", *values)
        if len(raw) > 4:
            raw, beyond = struct.pack("<I", place + len(beyond)), beyond + raw
        directory += struct.pack("<HHI", tag, kind, len(values)) + raw.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + b"\0\0\0\0" + beyond + content


def packed(pixels):
    """12 bits each."""
    bits = "".join(f"{value:012b}" for value in pixels.ravel())
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


GREY = RAMP[..., None]
SIGNED = RAMP.astype(np.int16) - 1000

STATED = {
    "png, sBIT 12, not scaled": png(GREY, 0, [12]),
    "png, sBIT 12, scaled as it should be": png(GREY * 16 + GREY // 256, 0, [12]),
    "png, sBIT 12 of grey, 8 of alpha": png(np.concatenate([GREY * 16 + 15, GREY * 0 + 65535], 2), 4, [12, 8]),
    "png, colours, sBIT 12, scaled": png((GREY * 16 + 15).repeat(3, 2), 2, [12] * 3),
    "png, sBIT 16": png(GREY * 16 + 15, 0, [16]),
    "png, nothing stated, all 16 bits in use": png(GREY * 16 + 15, 0),
    "tiff, 12 bits": tiff(packed(RAMP), [12]),
    "tiff, largest value": tiff(RAMP.tobytes(), [16], t281=(3, 4095)),
    "tiff, range": tiff(RAMP.tobytes(), [16], t340=(3, 0), t341=(3, 4095)),
    "tiff, range of signed values": tiff(SIGNED.tobytes(), [16], t339=(3, 2), t340=(9, -1000), t341=(9, 3095)),
    "tiff, range of floats": tiff((RAMP / 4095).astype("<f4").tobytes(), [32], t339=(3, 3), t340=(11, 0), t341=(11, 1)),
    "tiff, range of 32 bits": tiff((RAMP.astype("<u4") << 20).tobytes(), [32], t340=(4, 0), t341=(4, 4095 << 20)),
    "tiff, white is zero": tiff((65535 - (RAMP * 16 + 15)).tobytes(), [16], t262=(3, 0)),
    "pgm, maximum 4095": b"P5 8 8 4095\n" + RAMP.astype(">u2").tobytes(),
    "pgm, in words": b"P2 8 8 4095\n" + " ".join(map(str, RAMP.ravel())).encode(),
    "ppm, maximum 4095": b"P6 8 8 4095\n" + GREY.repeat(3, 2).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("name", STATED)
def test_pixels_are_scaled_by_what_the_file_says(name, tmp_path):
    (tmp_path / "x.png").write_bytes(STATED[name])
    got = decode(tmp_path / "x.png", 1, 8, "stretch")
    assert np.abs(got[0] - AS_BYTES).max() <= 1
    assert (got.min(), got.max()) == (0, 255)


UNKNOWN = {
    "png": png(GREY, 0),
    "png, colours": png(GREY.repeat(3, 2), 2),
    "png, colours with alpha": png(np.concatenate([GREY.repeat(3, 2), GREY * 0 + 65535], 2), 6),
    "png, grey with alpha": png(np.concatenate([GREY, GREY * 0 + 65535], 2), 4),
    "tiff": tiff(RAMP.tobytes(), [16]),
    "tiff, colours": tiff(GREY.repeat(3, 2).tobytes(), [16] * 3, t262=(3, 2)),
    "tiff, 32 bits": tiff(RAMP.astype("<u4").tobytes(), [32]),
    "pgm, maximum 65535": b"P5 8 8 65535\n" + RAMP.astype(">u2").tobytes(),
}
REFUSED = {
    "png, colours of 12 bits": (png(GREY.repeat(3, 2), 2, [12] * 3), "upper 8 bits"),
    "tiff, colours of 12 bits": (tiff(GREY.repeat(3, 2).tobytes(), [16] * 3, t262=(3, 2), t281=(3, 4095)), "upper 8"),
    "tiff, signed": (tiff(SIGNED.tobytes(), [16], t339=(3, 2)), "from -1000 to 3095"),
    "tiff, signed bytes": (tiff(RAMP.astype("i1").tobytes(), [8], t339=(3, 2)), "signed 8-bit"),
    "tiff, floats": (tiff((RAMP / 4095).astype("<f4").tobytes(), [32], t339=(3, 3)), "from 0 to 1"),
    "tiff, nan": (tiff((RAMP * np.nan).astype("<f4").tobytes(), [32], t339=(3, 3)), "not finite"),
    "tiff, 32 bits": (tiff((RAMP.astype("<u4") << 20).tobytes(), [32]), "to 4.29"),
    "tiff, beyond the stated range": (tiff(RAMP.tobytes(), [16], t281=(3, 4000)), "the file says 0 to 4000"),
    "tiff, an empty range": (tiff(RAMP.tobytes(), [16], t340=(3, 9), t341=(3, 9)), "the file says 9 to 9"),
    "pfm": (b"Pf 8 8 -1.0\n" + (RAMP / 4095).astype("<f4").tobytes(), "from 0 to 1"),
}


@pytest.mark.parametrize("name", [*UNKNOWN, *REFUSED])
def test_a_range_that_nobody_states_is_refused_in_one_line(name, tmp_path):
    content, problem = REFUSED.get(name, (UNKNOWN.get(name), "does not say what is white"))
    (write_images(tmp_path, 4) / "x.png").write_bytes(content)
    message = one_line_error(FolderDataModule(str(tmp_path), image_size=8).setup)
    assert message.startswith(f"{tmp_path / 'x.png'}: ")
    assert problem in message


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_dark_picture_is_one_where_another_of_the_folder_uses_all_16_bits(name, tmp_path):
    (tmp_path / "dark.png").write_bytes(UNKNOWN[name])
    (tmp_path / "light.png").write_bytes(png(GREY * 16 + 15, 0))
    data = FolderDataModule(str(tmp_path), image_size=8, channels=1, val_share=0, test_share=0)
    images = data.load()["train"].images
    assert images.flatten(1).max(dim=1).values.tolist() == [pytest.approx(15, abs=1), 255]


def test_black_is_black_in_every_range(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "x.png")
    assert decode(tmp_path / "x.png", 3, 8, "stretch").max() == 0
