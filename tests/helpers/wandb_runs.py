"""The contents of a run of Weights & Biases, read back from its file."""

import json
import struct

import wandb
from wandb.proto.wandb_internal_pb2 import Record


def records(path):
    """Yield the records of a .wandb file: LevelDB's log format in blocks of 32 KiB, after 7 bytes of header."""
    data, place, parts = path.read_bytes(), 7, b""
    assert struct.unpack_from("<4sH", data) == (b":W&B", 0xBEE1)
    while place + 7 <= len(data):
        if (room := 32768 - place % 32768) < 7:  # no header fits: padding
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        if kind == 0:
            break
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or last of several
            record = Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def history(path):
    """Return the rows that a run logged, as dictionaries."""
    rows = []
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in items})
    return rows


def log_of(folder):
    """Return the file of the run; W&B's own process, which writes it behind ours, is ended first."""
    wandb.teardown()
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    return path
