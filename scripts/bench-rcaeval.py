"""Times automap's engine beside RCAEval's BARO, in its own code, on the same tables of simulated incidents: milliseconds a case and the ratio.

    bench-rcaeval.py [SERVICES] [INCIDENTS]

Both get the same data frames and the true times of the faults, in turn, and the fastest of three runs counts. RCAEval's package imports all of its methods,
and with them torch and more, so BARO, which needs none of that, is loaded by its file.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import pandas

import automap
from automap.compat import rcaeval

RUNS = 3


def baro() -> Callable[..., Any]:
    """RCAEval's BARO, which considers each metric separately, as automap's evidence does first."""
    file = Path(importlib.util.find_spec("RCAEval").origin).parent / "e2e" / "baro.py"
    spec = importlib.util.spec_from_file_location("rcaevals_baro", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.baro


def tables(services: int, incidents: int) -> list[tuple[pandas.DataFrame, int]]:
    """Simulated incidents in RCAEval's format, one column a metric of a service, and the second of the fault."""
    with tempfile.TemporaryDirectory() as folder:
        made = automap.simulate(folder, incidents=incidents, systems=incidents, services=(services, services), minutes=20, seed=3)
        return [(table(one.path), int(one.injected[0]["from_ms"] / 1000)) for one in made if one.injected]


def table(path: Any) -> pandas.DataFrame:
    samples = automap.read_capture(path).samples.to_pandas()
    samples = samples[samples["peer"].isna()]
    names = samples["service"].str.replace("_", "-") + "_" + samples["metric"]
    wide = samples.assign(column=names).pivot_table(index="time", columns="column", values="value", aggfunc="first")
    wide = wide.ffill().fillna(0.0)
    wide.insert(0, "time", [int(moment.timestamp()) for moment in wide.index])
    return wide.reset_index(drop=True)


def fastest_ms(method: Callable[..., Any], cases: list[tuple[pandas.DataFrame, int]]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        for data, fault in cases:
            method(data, fault, dataset="simulated")
        best = min(best, (time.perf_counter() - begun) * 1e3 / len(cases))
    return best


def main() -> None:
    services, incidents = (int(word) for word in [*sys.argv[1:], "30", "6"][:2])
    cases = tables(services, incidents)
    columns = max(len(data.columns) for data, _ in cases)
    print(f"{len(cases)} incidents, {services} services, {columns} columns, {len(cases[0][0])} rows")
    ours = fastest_ms(rcaeval.evidence, cases)
    print(f"| {'method':<12} | {'ms a case':>9} | {'times ours':>10} |")
    print(f"|{'-' * 14}|{'-' * 10}:|{'-' * 11}:|")
    print(f"| {'evidence':<12} | {ours:>9.1f} | {1:>10.1f} |")
    theirs = fastest_ms(baro(), cases)
    print(f"| {'baro':<12} | {theirs:>9.1f} | {theirs / ours:>10.1f} |")


if __name__ == "__main__":
    main()
