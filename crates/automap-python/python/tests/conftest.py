"""What the tests share: recorded incidents, a made-up table, and the command line to compare with."""

from __future__ import annotations

import importlib
import math
import os
import random
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parents[4]
CAPTURES = ROOT / "crates" / "automap" / "tests" / "captures"

#: When the made-up table begins, how far its rows are apart, and in which row payment becomes slow.
START, STEP_S, ROWS, FAULT = datetime(2026, 11, 23, 14, 0, tzinfo=timezone.utc), 15, 120, 90
CALLS = [("front-end", "orders"), ("orders", "payment")]


def needed(module: str) -> Any:
    """A library; where `make python` runs the tests, one that is missing is a failure."""
    if os.environ.get("AUTOMAP_PYTHON_ALL"):
        return importlib.import_module(module)
    return pytest.importorskip(module)


def table() -> dict[str, list[Any]]:
    """Three services that call each other in a chain; payment becomes slow and busy, and the others wait for it."""
    rng = random.Random(7)
    columns: dict[str, list[Any]] = {"time": [START + timedelta(seconds=STEP_S * row) for row in range(ROWS)]}
    levels = {"front-end": 60.0, "orders": 40.0, "payment": 20.0, "user": 15.0}
    for service, level in levels.items():
        waits = service != "user"
        columns[f"{service}_latency_ms"] = [level + rng.gauss(0, 1) + (200.0 if waits and row >= FAULT else 0.0) for row in range(ROWS)]
        busy = service == "payment"
        columns[f"{service}_cpu"] = [0.2 + rng.gauss(0, 0.005) + (0.7 if busy and row >= FAULT else 0.0) for row in range(ROWS)]
    return columns


def fault_start() -> datetime:
    return START + timedelta(seconds=STEP_S * FAULT)


def write_csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    def cell(value: Any) -> str:
        if isinstance(value, datetime):
            return value.isoformat()
        return "" if value is None or math.isnan(value) else repr(value)

    rows = [",".join(columns), *(",".join(cell(v) for v in row) for row in zip(*columns.values()))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def command_line() -> Callable[..., str]:
    """Standard output of an `automap` command."""
    binary = Path(os.environ.get("AUTOMAP_BIN", ROOT / "target" / "debug" / "automap"))
    if not binary.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{binary} is missing; cargo build builds it")
        pytest.skip(f"{binary} is missing; cargo build builds it")

    def run(*arguments: Any) -> str:
        done = subprocess.run([str(binary), *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", timeout=300)
        assert done.returncode in (0, 4), done.stderr
        return done.stdout

    return run
