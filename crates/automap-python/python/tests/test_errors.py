"""Bad input: what is wrong, where, and what to try next, and never a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conftest import CALLS, CAPTURES, table

import automap


def failure(call: Any) -> automap.AutomapError:
    with pytest.raises(automap.AutomapError) as caught:
        call()
    return caught.value


def test_it_is_a_value_error_with_three_parts(tmp_path: Any) -> None:
    path = tmp_path / "book.csv"
    path.write_bytes(b"PK\x03\x04rest")
    error = failure(lambda: automap.diagnose(path))
    assert isinstance(error, ValueError)
    assert (error.where, error.what, error.hint) == (str(path), "is an Excel workbook or a zip archive", "save the sheet as CSV")
    assert str(error) == f"{path}: is an Excel workbook or a zip archive; save the sheet as CSV"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: automap.diagnose({"a_cpu": [1.0, 2.0]}), "has no column of times"),
        (lambda: automap.diagnose({"time": [1, 2, 3], "nonsense": [1.0, 2.0, 3.0]}), "has no column named"),
        (lambda: automap.diagnose(table(), incident_start="yesterday"), "'yesterday' is not a time"),
        (lambda: automap.diagnose(table(), incident_start=object()), "is not a time"),
        (lambda: automap.diagnose(table(), incident_start=timedelta(minutes=5)), "after the end of the data"),
        (lambda: automap.diagnose(table(), baseline=(2, 1)), "ends at or before its start"),
        (lambda: automap.diagnose(table(), baseline=5), "not a pair"),
        (lambda: automap.diagnose(table(), onset_tolerance="soon"), "'soon' is not a span"),
        (lambda: automap.diagnose(table(), engine="magic"), "there is no engine 'magic'; there are evidence and automap"),
        (lambda: automap.diagnose(table(), calls=["orders"]), "is not a call"),
        (lambda: automap.diagnose(table(), speed=3), "there is no option 'speed'"),
        (lambda: automap.diagnose(table(), namespace="shop"), "no use here"),
        (lambda: automap.diagnose(table(), decimal=";"), "neither '.' nor ','"),
        (lambda: automap.diagnose(table(), time_zone="Nowhere/Town"), "is not a zone"),
        (lambda: automap.diagnose(42), "no metrics"),
        (lambda: automap.diagnose({"time": [1, 2], "a_cpu": [1.0, object()]}), "no numbers"),
        (lambda: automap.diagnose({"time": [1, 2, 3], "a_cpu": [1.0]}), "a dict of builtins"),
        (lambda: automap.diagnose("/no/such/file.parquet"), "cannot read"),
        (lambda: automap.diagnose("http://127.0.0.1:9"), "namespace: it is missing"),
        (lambda: automap.diagnose("http://127.0.0.1:9", namespace="shop", separator="_"), "no use here"),
        (lambda: automap.diagnose(CAPTURES / "expected.json"), "expected.json"),
        (lambda: automap.diagnose(automap.demo()).explain("paymnt"), "did you mean payment?"),
        (lambda: automap.diagnose(automap.demo()).plot_series("paymnt"), "did you mean payment?"),
        (lambda: automap.diagnose(automap.demo()).causes.column("nmae"), "there is no column"),
        (lambda: automap.diagnose(automap.demo(), engine="automap", confirmed=["{}"]), "confirmed"),
        (lambda: automap.diagnose(automap.demo(), engine="automap").confirmed("paymnt", id="x"), "did you mean payment?"),
        (lambda: automap.evaluate("/no/such/folder"), "/no/such/folder"),
        (lambda: automap.evaluate(CAPTURES, engines=["magic"]), "there is no engine 'magic'"),
        (lambda: automap.evaluate(CAPTURES, onsets=["late"]), "signed span"),
        (lambda: automap.evaluate(CAPTURES, topology="maybe"), "known and none"),
        (lambda: automap.simulate(CAPTURES, incidents=1), "is not empty"),
        (lambda: automap.simulate("/tmp/never-made", incidents=0), "incidents"),
        (lambda: automap.partial_corr([1, 2, 3], [1, 2]), "same length"),
        (lambda: automap.partial_corr([1, 2, "x"], [1, 2, 3]), "no number"),
        (lambda: automap.pc({"a": [1.0] * 20}, alpha=2), "not a share"),
        (lambda: automap.walk([("a", "b")], {"a": 1.0}), "without a score"),
        (lambda: automap.walk([], {"a": -1.0}), "negative"),
        (lambda: automap.walk([], {"a": 1.0}, entry="b"), "has no score"),
    ],
)
def test_every_mistake_is_named(call: Any, words: str) -> None:
    assert words in str(failure(call))


def test_an_unreachable_server_is_named() -> None:
    error = failure(lambda: automap.diagnose("http://127.0.0.1:9", namespace="shop", timeout=2))
    assert "127.0.0.1:9" in str(error)


def test_options_are_named_as_in_python() -> None:
    columns = {"time": ["03/04/2026 10:00", "03/04/2026 10:01"], "a_cpu": [1.0, 2.0]}
    error = failure(lambda: automap.diagnose(columns))
    assert "--" not in str(error) and "time_format" in str(error)
    assert automap.diagnose({**table()}, calls=CALLS, time_zone="Europe/Berlin").verdict.service == "payment"
