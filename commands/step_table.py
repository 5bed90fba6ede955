"""`metrics.csv` with one row for each step."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from zoo.files.whole_files import whole_file

Row = dict[str, Any]


class StepTable(CSVLogger):
    """A CSVLogger whose file has one row for each step: losses, speed and scores come one after the other."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """Return what writes the files, made at first use."""
        if self._experiment is None:
            Path(self.root_dir).mkdir(parents=True, exist_ok=True)
            self._experiment = StepWriter(self.log_dir)
        return self._experiment  # type: ignore[return-value]


class StepWriter(ExperimentWriter):
    """Write rows as they come, and the last one again when its step has more to say.

    Args:
        log_dir: the folder; a file of an earlier run in it is removed.
    """

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.path = Path(self.metrics_file_path)
        self.last: Row = {}  # that the file ends with
        self.start = 0  # where in the file that row begins, in bytes

    def save(self) -> None:
        """Write what was logged since the last call."""
        if not self.metrics:
            return
        rows = by_step(([self.last] if self.last else []) + self.metrics)
        new = sorted({name for row in rows for name in row} - set(self.metrics_keys))
        if new or not self.path.is_file():
            self.add_columns(new)
        with self.path.open("r+b") as file:
            self.start = file.seek(self.start)
            file.write(lines(self.metrics_keys, rows[:-1]))
            self.start = file.tell()
            file.write(lines(self.metrics_keys, rows[-1:]))
            file.truncate()
        self.last, self.metrics = rows[-1], []

    def add_columns(self, names: Sequence[str]) -> None:
        """Write the file again, with more columns, whole or not at all; without its last row, which comes next."""
        kept = self.path.read_bytes()[: self.start] if self.path.is_file() else b""
        rows = list(csv.DictReader(io.StringIO(kept.decode())))
        self.metrics_keys = sorted([*self.metrics_keys, *names])
        header: Row = {name: name for name in self.metrics_keys}
        content = lines(self.metrics_keys, [header, *rows])
        with whole_file(self.path) as file:
            file.write(content)
        self.start = len(content)


def by_step(rows: Sequence[Row]) -> list[Row]:
    """Return rows with those of one step that follow each other as one."""
    merged: list[Row] = []
    for row in rows:
        if merged and merged[-1]["step"] == row["step"]:
            merged[-1] = merged[-1] | row
        else:
            merged.append(row)
    return merged


def lines(names: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Return rows as the text of a CSV file, without a header."""
    csv.DictWriter(text := io.StringIO(newline=""), names).writerows(rows)
    return text.getvalue().encode()
