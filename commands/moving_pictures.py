"""Frames as a picture that moves."""

import io
import shutil
import subprocess
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.hub.pictures import grid_picture, picture

#: The least side of a frame, in pixels: smaller images are enlarged by whole numbers, without blurring.
SIDE = 128


def enlarged(image: Tensor) -> Image.Image:
    """Return an image [C, H, W], C 1 or 3, as a picture that can be seen."""
    scale = max(1, -(-SIDE // min(image.shape[1:])))
    return picture(image.repeat_interleave(scale, 1).repeat_interleave(scale, 2))


def gif(frames: Sequence[Image.Image], fps: int, pause: int = 0) -> bytes:
    """Return frames as a GIF that begins again and again; the last one is shown for `pause` milliseconds more."""
    frames = [frame if frame.mode == "L" else frame.convert("RGB").quantize(256) for frame in frames]
    times = [1000 // fps] * (len(frames) - 1) + [1000 // fps + pause]
    buffer = io.BytesIO()
    frames[0].save(buffer, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return buffer.getvalue()


def ffmpeg() -> str:
    """Return the program. Raises ValueError where it is not installed."""
    if (program := shutil.which("ffmpeg")) is None:
        raise ValueError("--out: an .mp4 needs ffmpeg, which is not here: give a .gif or a .png")
    return program


def mp4(frames: Sequence[Image.Image], fps: int) -> bytes:
    """Return frames as an MP4 file. Raises ValueError without ffmpeg, and where it fails."""
    width, height = frames[0].size
    stream = np.stack([np.asarray(frame.convert("RGB")) for frame in frames]).tobytes()
    command = [
        ffmpeg(),
        "-v",
        "error",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        f"{width}x{height}",
        "-r",
        str(fps),
    ]
    command += ["-i", "-", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4"]
    command += ["-movflags", "frag_keyframe+empty_moov", "-"]
    done = subprocess.run(command, input=stream, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(f"--out: ffmpeg failed: {told[-1] if told else done.returncode}")
    return done.stdout


def strip(images: Sequence[Tensor], columns: int) -> Image.Image:
    """Return images [C, H, W] as rows of one picture."""
    return grid_picture(torch.stack(list(images)), columns, tile=64)
