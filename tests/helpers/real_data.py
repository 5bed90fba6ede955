"""The place of real data and reference values: $GANZOO_DATA, else ../shared/data beside the repository."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("GANZOO_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
