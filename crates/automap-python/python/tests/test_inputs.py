"""Every way to give metrics, and to say when and who."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable

import pytest
from conftest import CALLS, FAULT, ROWS, START, STEP_S, fault_start, needed, table, write_csv

import automap


def of_pandas(columns: dict[str, Any]) -> Any:
    return needed("pandas").DataFrame(columns)


def of_index(columns: dict[str, Any]) -> Any:
    return of_pandas(columns).set_index("time")


def of_two_levels(columns: dict[str, Any]) -> Any:
    pandas = needed("pandas")
    frame = of_index(columns)
    frame.columns = pandas.MultiIndex.from_tuples([tuple(name.split("_", 1)) for name in frame.columns])
    return frame


def of_polars(columns: dict[str, Any]) -> Any:
    return needed("polars").DataFrame(columns)


def of_pyarrow(columns: dict[str, Any]) -> Any:
    return needed("pyarrow").table(columns)


def of_seconds(columns: dict[str, Any]) -> Any:
    return {**columns, "time": [t.timestamp() for t in columns["time"]]}


def of_long_rows(columns: dict[str, Any]) -> Any:
    rows = [(t, *name.split("_", 1), v) for name, values in columns.items() if name != "time" for t, v in zip(columns["time"], values)]
    return dict(zip(("time", "service", "metric", "value"), map(list, zip(*rows))))


SHAPES = [of_pandas, of_index, of_two_levels, of_polars, of_pyarrow, of_seconds, of_long_rows]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_frame_is_the_same_incident(shape: Callable[..., Any]) -> None:
    expected = automap.diagnose(table(), calls=CALLS, incident_start=fault_start(), name="shop").to_dict()
    found = automap.diagnose(shape(table()), calls=CALLS, incident_start=fault_start(), name="shop").to_dict()
    assert found["verdict"]["service"] == "payment"
    assert found["causes"] == expected["causes"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_files_of_other_tools(ending: str, tmp_path: Any) -> None:
    path = tmp_path / f"shop.{ending}"
    if ending == "csv":
        write_csv(path, table())
    else:
        polars = needed("polars")
        frame = polars.DataFrame(table())
        frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path)
    assert automap.diagnose(path, calls=CALLS, incident_start=fault_start()).verdict.service == "payment"


def test_pandas_without_pyarrow(monkeypatch: Any) -> None:
    pandas = needed("pandas")

    def without(self: Any, requested_schema: Any = None) -> Any:
        raise ImportError("pyarrow is not installed")

    monkeypatch.setattr(pandas.DataFrame, "__arrow_c_stream__", without, raising=False)
    for shape in (of_pandas, of_index):
        assert automap.diagnose(shape(table()), calls=CALLS, incident_start=fault_start()).verdict.service == "payment"


def test_gaps_are_gaps() -> None:
    columns = table()
    columns["user_latency_ms"] = [None] * len(columns["time"])
    columns["user_cpu"][5] = float("nan")
    report = automap.diagnose(columns, calls=CALLS, incident_start=fault_start())
    assert report.verdict.service == "payment"
    assert report.to_dict()["coverage"]["series_judged"] == 7


@pytest.mark.parametrize(
    "start",
    [
        fault_start(),
        fault_start().replace(tzinfo=None),
        fault_start().astimezone(),
        fault_start().timestamp(),
        int(fault_start().timestamp() * 1000),
        fault_start().isoformat(),
        timedelta(seconds=-15 * 30),
    ],
)
def test_every_way_to_say_when(start: Any) -> None:
    windows = automap.diagnose(table(), calls=CALLS, incident_start=start, onset_tolerance=0).to_dict()["windows"]
    # A span counts from the end of the data, which is one step after its last row.
    assert windows["incident_start"] in ("2026-11-23T14:22:30Z", "2026-11-23T14:22:15Z")


def test_the_start_is_found_in_the_data() -> None:
    report = automap.diagnose(table(), calls=CALLS)
    assert report.verdict.service == "payment"
    assert report.to_dict()["windows"]["incident_start_is"] == "detected"


def test_calls_of_a_graph_are_those_of_pairs() -> None:
    networkx = needed("networkx")
    of_pairs = automap.diagnose(table(), calls=CALLS, incident_start=fault_start())
    of_graph = automap.diagnose(table(), calls=networkx.DiGraph(CALLS), incident_start=fault_start())
    assert of_graph.to_json() == of_pairs.to_json()
    assert of_pairs.to_dict()["causes"][0]["path"] == ["front-end", "orders", "payment"]


def test_a_capture_keeps_what_is_needed(tmp_path: Any) -> None:
    path = tmp_path / "shop.parquet"
    written = automap.capture(table(), path, calls=CALLS, incident_start=fault_start())
    read = automap.read_capture(path)
    assert (read.services, read.calls) == (["front-end", "orders", "payment", "user"], CALLS)
    assert (read.start, read.incident_start) == (START, fault_start())
    assert read.samples["value"] == written.samples["value"]
    assert automap.diagnose(read).verdict.service == "payment"
    # Another question about the same data.
    later = automap.diagnose(read, incident_start=fault_start() + timedelta(minutes=1), onset_tolerance=0)
    assert later.to_dict()["windows"]["incident_start"] == "2026-11-23T14:23:30Z"


def test_samples_are_columns() -> None:
    samples = automap.demo().samples
    assert samples.columns == ["time", "service", "metric", "peer", "value"]
    rows = samples.rows()
    assert len(rows) == len(samples) and rows[0]["time"].tzinfo is not None
    pandas = needed("pandas")
    frame = samples.to_pandas()
    assert str(frame["time"].dtype).endswith("UTC]") and len(frame) == len(rows)
    polars = needed("polars")
    assert polars.DataFrame(samples).height == pandas.DataFrame(frame).shape[0]


def test_a_start_may_be_written_as_on_the_command_line() -> None:
    at = fault_start()
    exact = automap.diagnose(table(), incident_start=at).to_json()
    seconds_back = STEP_S * (ROWS - FAULT)
    for text in (at.strftime("%H:%M:%S"), at.strftime("%Y-%m-%d %H:%M:%S"), f"{seconds_back}s ago"):
        assert automap.diagnose(table(), incident_start=text).to_json() == exact, text
