"""The package answers what the command line answers, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import CALLS, CAPTURES, fault_start, table, write_csv

import automap

NAMES = ["delay-payment", "cpu-carts-db", "fail-pod-user", "quiet-1"]


@pytest.mark.parametrize("name", NAMES)
def test_a_capture_is_diagnosed_as_on_the_command_line(name: str, command_line: Any) -> None:
    path = CAPTURES / f"{name}.parquet"
    assert automap.diagnose(path).to_json() == command_line("diagnose", path, "-o", "json")


def test_the_other_engine_too(command_line: Any) -> None:
    path = CAPTURES / "delay-payment.parquet"
    expected = command_line("diagnose", path, "-o", "json", "--engine", "automap", "--no-history")
    assert automap.diagnose(path, engine="automap").to_json() == expected


def test_a_csv_with_calls_and_a_start(command_line: Any, tmp_path: Any) -> None:
    path = write_csv(tmp_path / "shop.csv", table())
    calls = tmp_path / "calls.txt"
    calls.write_text("".join(f"{caller},{callee}\n" for caller, callee in CALLS))
    start = fault_start().isoformat()
    expected = command_line("diagnose", path, "--calls", calls, "--incident-start", start, "-o", "json")
    assert automap.diagnose(path, calls=CALLS, incident_start=fault_start()).to_json() == expected


def test_explanation_and_page(command_line: Any) -> None:
    path = CAPTURES / "delay-payment.parquet"
    report = automap.diagnose(path)
    assert report.explain("payment").to_dict() == json.loads(command_line("explain", path, "payment", "-o", "json"))
    assert str(report.explain("orders")) == command_line("explain", path, "orders", "--utc", "--color", "never")
    assert report.to_markdown() == command_line("report", path, "-o", "markdown", "--utc")


def test_a_frame_is_what_its_csv_is(tmp_path: Any) -> None:
    asked = {"calls": CALLS, "incident_start": fault_start()}
    of_file = automap.diagnose(write_csv(tmp_path / "shop.csv", table()), **asked).to_dict()
    of_columns = automap.diagnose(table(), **asked).to_dict()
    assert of_columns.pop("source") == "a dict of builtins"
    of_file.pop("source")
    assert of_columns == of_file


def test_simulated_incidents_are_the_same_files(command_line: Any, tmp_path: Any) -> None:
    ours = automap.simulate(tmp_path / "ours", incidents=2, systems=1, services=8, minutes=8, users_per_s=10, seed=3)
    theirs = tmp_path / "theirs"
    command_line("sim", theirs, "--incidents", 2, "--systems", 1, "--services", 8, "--minutes", 8, "--users-per-s", 10, "--seed", 3)
    assert len(ours) == 2
    for one in ours:
        twin = theirs / one.path.relative_to(tmp_path / "ours")
        assert one.path.read_bytes() == twin.read_bytes()
        assert one.path.with_suffix(".json").read_bytes() == twin.with_suffix(".json").read_bytes()


def test_an_evaluation_has_the_same_scores(command_line: Any) -> None:
    ours = automap.evaluate(CAPTURES, engines=["evidence", "baro"], onsets=["known", "+60s"])
    theirs = json.loads(command_line("eval", CAPTURES, "--engine", "evidence,baro", "--onset", "known,+60s", "-o", "json"))
    # What it cost differs from run to run.
    without_cost = lambda value: json.loads(json.dumps(value), object_hook=lambda o: {k: v for k, v in o.items() if not any(w in k for w in ("cpu", "memory"))})
    assert without_cost(ours) == without_cost(theirs)
    assert "evidence" in json.dumps(ours)
