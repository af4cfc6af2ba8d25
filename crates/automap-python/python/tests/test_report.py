"""What a report gives: data, text, pages and pictures."""

from __future__ import annotations

import pickle
import sys
import threading
import xml.etree.ElementTree
from html.parser import HTMLParser
from typing import Any

import pytest
from conftest import CAPTURES, needed

import automap


@pytest.fixture(scope="module")
def report() -> automap.Report:
    return automap.diagnose(automap.demo())


def test_the_verdict(report: automap.Report) -> None:
    verdict = report.verdict
    assert (verdict.kind, verdict.service, verdict.mechanism, verdict.level) == ("cause", "payment", "network", "high")
    assert verdict.confidence > 0.7 and str(verdict) == verdict.summary


def test_causes_are_a_frame(report: automap.Report) -> None:
    causes = report.causes
    assert causes.columns == ["rank", "service", "confidence", "score", "named", "onset", "path", "evidence"]
    assert causes[0]["service"] == "payment" and causes["rank"] == list(range(1, len(causes) + 1))
    assert [row["service"] for row in causes] == [cause["service"] for cause in report.to_dict()["causes"]]
    assert "payment" in repr(causes) and "<td>payment</td>" in causes._repr_html_()
    frame = causes.to_pandas()
    assert list(frame.columns) == causes.columns and frame["service"][0] == "payment"
    pyarrow = needed("pyarrow")
    table = pyarrow.table(causes)
    assert table.column("service").to_pylist() == causes["service"]
    assert table.column("onset").to_pylist() == causes["onset"]


def test_a_quiet_system_has_no_causes() -> None:
    report = automap.diagnose(CAPTURES / "quiet-1.parquet")
    assert report.verdict.kind in ("no_incident", "cannot_tell") and report.verdict.service is None
    assert len(report.causes) == 0 and report.causes.to_dict()["service"] == []
    Balanced().feed(report._repr_html_())


class Balanced(HTMLParser):
    """Fails where elements are not closed in order, or where something is loaded or run."""

    VOID = {"br", "meta", "hr", "img", "rect", "circle", "line", "path", "polygon"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in ("script", "link", "iframe", "img"), tag
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")], attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open and self.open.pop() == tag, tag


def test_a_notebook_shows_answer_and_map(report: automap.Report) -> None:
    shown = report._repr_html_()
    parser = Balanced()
    parser.feed(shown)
    assert parser.open == []
    for words in ("payment", "network", "confidence high", "<svg", "front-end"):
        assert words in shown, words
    # Its rules hold for itself alone: a notebook has other outputs.
    style = shown.split("<style>", 1)[1].split("</style>", 1)[0]
    assert all(line.startswith((".automap", " ", "}", "/*")) for line in style.split(".automap {\n/*")[0].splitlines() if line.strip())


def test_pictures_can_be_saved(report: automap.Report, tmp_path: Any) -> None:
    picture = report.plot_map()
    picture.save(tmp_path / "map.svg")
    assert xml.etree.ElementTree.parse(tmp_path / "map.svg").getroot().tag.endswith("svg")
    assert picture._repr_mimebundle_()["text/html"] == (tmp_path / "map.svg").read_text(encoding="utf-8")
    with pytest.raises(automap.AutomapError, match="ends in .svg"):
        picture.save(tmp_path / "map.png")


def test_the_series_of_a_service(report: automap.Report) -> None:
    shown = str(report.plot_series("orders"))
    charts = report.series("orders")["charts"]
    assert shown.count("<figure>") == len(charts) > 3
    assert shown.count("<svg") == len(charts) and "orders → payment" in shown
    parser = Balanced()
    parser.feed(shown)
    assert parser.open == []


def test_page_and_text(report: automap.Report) -> None:
    assert report.to_html().startswith("<!doctype html>") and "payment" in report.to_markdown()
    assert "VERDICT     payment" in repr(report) and len(report.to_text(verbose=True)) > len(report.to_text())
    assert all(isinstance(note, str) for note in report.notes)


def test_an_explanation(report: automap.Report) -> None:
    explanation = report.explain("orders")
    assert explanation.to_dict()["service"] == "orders" and "orders" in str(explanation)
    assert explanation._repr_html_().startswith("<pre>")


def test_names_become_no_markup() -> None:
    evil = "<script>alert(1)</script>"
    times = list(range(1_700_000_000, 1_700_000_000 + 100 * 15, 15))
    rise = [10.0 + i % 7 + (300.0 if i >= 70 else 0.0) for i in range(100)]
    columns = {"time": times, "service": [evil] * 100, "metric": ["latency_ms"] * 100, "value": rise}
    report = automap.diagnose(columns, incident_start=times[70], name=evil)
    service = report.causes[0]["service"]
    for text in (report._repr_html_(), report.causes._repr_html_(), str(report.plot_series(service)), report.to_html(), report.explain(service)._repr_html_()):
        assert "<script>" not in text


def test_learning_from_a_confirmed_incident() -> None:
    first = automap.diagnose(CAPTURES / "cpu-catalogue.parquet", engine="automap")
    case = first.confirmed("catalogue", id="monday")
    later = max(("delay-payment", "memory-carts", "loss-user"), key=lambda name: automap.read_capture(CAPTURES / f"{name}.parquet").end)
    report = automap.diagnose(CAPTURES / f"{later}.parquet", engine="automap", confirmed=[case])
    assert isinstance(report.notes, list)
    with pytest.raises(automap.AutomapError, match="engine='automap'"):
        automap.diagnose(CAPTURES / "cpu-catalogue.parquet").confirmed("catalogue", id="monday")


def test_the_interpreter_is_free_meanwhile() -> None:
    """A thread that keeps the interpreter while it diagnoses would be done before any other thread runs."""
    path, usual = str(CAPTURES / "memory-carts.parquet"), sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        for _ in range(20):
            started, done = threading.Event(), []

            def work() -> None:
                started.set()
                automap.diagnose(path)
                done.append(True)

            thread = threading.Thread(target=work)
            thread.start()
            started.wait()
            was_free = not done
            thread.join()
            if was_free:
                return
        pytest.fail("no other thread ran during twenty diagnoses")
    finally:
        sys.setswitchinterval(usual)


def test_errors_can_be_pickled() -> None:
    error = automap.AutomapError("a", "b", "c")
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.where, again.hint, str(again)) == ("a", "b", "c", "b: a; c")
