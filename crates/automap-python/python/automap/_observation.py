"""What is diagnosed: a data frame, a file, or a server, with what is known about it."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any, Iterable, Mapping, Optional, Union

from . import _automap
from ._columns_in import columns_of
from ._errors import AutomapError
from ._frame import Frame, _moment
from ._times import moment, span_ms

#: Options that say when the incident was.
_WINDOWS = ("incident_start", "incident_end", "baseline", "onset_tolerance")
#: Options that say how a table is read.
_TABLE = ("time_zone", "time_format", "separator", "metric", "decimal")
#: Options that say which server, and what of it.
_SERVER = ("namespace", "cluster", "since", "end", "step", "timeout", "username", "password_file", "bearer_token_file", "headers", "ca_file")


class Observation:
    """Metrics, calls and windows, ready to be diagnosed: what a capture holds."""

    def __init__(self, inner: _automap.Observation) -> None:
        self._inner = inner

    @property
    def services(self) -> list[str]:
        """The services, by name."""
        return self._inner.services()

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Pairs of caller and callee, as far as they are known."""
        return self._inner.calls()

    @property
    def source(self) -> str:
        """Where the data comes from."""
        return self._inner.source()

    @property
    def start(self) -> datetime:
        """The first moment of the data."""
        return _moment(self._inner.times()[0])  # type: ignore[return-value]

    @property
    def end(self) -> datetime:
        """The end of the data."""
        return _moment(self._inner.times()[1])  # type: ignore[return-value]

    @property
    def incident_start(self) -> Optional[datetime]:
        """When the incident began, where that is known."""
        return _moment(self._inner.times()[2])

    @property
    def samples(self) -> Frame:
        """Every sample that was observed: ``time``, ``service``, ``metric``, ``peer`` (the called service, for metrics of calls) and ``value``."""
        return Frame(self._inner.samples())

    def __repr__(self) -> str:
        times = f"{self.start:%Y-%m-%d %H:%M:%S} to {self.end:%H:%M:%S} UTC"
        return f"<automap.Observation of {len(self.services)} services, {times}: {self.source}>"


def observe(data: Any, options: Mapping[str, Any], *, calls: Any = None, engine: str = "evidence", name: Optional[str] = None) -> _automap.Observation:
    """Reads whatever a caller gave as data."""
    words = json.dumps(_question(options, calls))
    if isinstance(data, Observation):
        return data._inner.with_question(words)
    if isinstance(data, (str, os.PathLike)):
        return _of_place(os.fspath(data), words, engine, options)
    _refuse(options, _SERVER, "a table is not a server")
    return _of_table(data, words, name)


def _of_place(place: Union[str, bytes], words: str, engine: str, options: Mapping[str, Any]) -> _automap.Observation:
    text = os.fsdecode(place)
    if text.startswith(("http://", "https://")):
        _refuse(options, _TABLE, "a server is not a table")
        return _automap.Observation.from_server(text, words, engine)
    _refuse(options, _SERVER, "a file is not a server")
    return _automap.Observation.from_file(text, words)


def _of_table(data: Any, words: str, name: Optional[str]) -> _automap.Observation:
    label = name or f"a {type(data).__name__} of {type(data).__module__.split('.')[0]}"
    columns = getattr(data, "columns", None)
    if getattr(columns, "nlevels", 1) > 1:
        data = data.copy(deep=False)
        data.columns = ["_".join(str(part) for part in parts) for parts in columns]
    if hasattr(data, "__arrow_c_stream__"):
        try:
            return _automap.Observation.from_stream(data, label, words)
        except ImportError:
            # pandas without pyarrow.
            pass
    if isinstance(data, Mapping) or (columns is not None and hasattr(data, "items")):
        return _automap.Observation.from_columns(columns_of(data), label, words)
    hint = "give a data frame (pandas, polars, pyarrow), a dictionary of columns, the path of a capture or table, or the URL of a Prometheus"
    raise AutomapError(f"a {type(data).__name__} is no metrics", "data", hint)


def pairs(calls: Any) -> list[tuple[str, str]]:
    """Calls as pairs: of pairs, or of a directed graph of networkx."""
    if calls is None:
        return []
    edges: Iterable[Any] = calls.edges() if hasattr(calls, "edges") else calls
    out = []
    for edge in edges:
        try:
            caller, callee = edge
        except (TypeError, ValueError) as error:
            hint = "give pairs (caller, callee), or a networkx.DiGraph with an edge from each caller to its callee"
            raise AutomapError(f"{edge!r} is not a call", "calls", hint) from error
        out.append((str(caller), str(callee)))
    return out


def _question(options: Mapping[str, Any], calls: Any) -> dict[str, Any]:
    known = {*_WINDOWS, *_TABLE, *_SERVER}
    unknown = [key for key in options if key not in known]
    if unknown:
        raise AutomapError(f"there is no option {unknown[0]!r}", hint=f"there are {', '.join(sorted(known))}")
    given = {key: value for key, value in options.items() if value is not None}
    question: dict[str, Any] = {"calls": pairs(calls)}
    for key in ("incident_start", "incident_end"):
        if key in given:
            question[key] = moment(given[key], key)
    if "baseline" in given:
        try:
            start, end = given["baseline"]
        except (TypeError, ValueError) as error:
            raise AutomapError("it is not a pair", "baseline", "give (start, end)") from error
        question["baseline"] = [moment(start, "baseline"), moment(end, "baseline")]
    if "onset_tolerance" in given:
        question["onset_tolerance_ms"] = span_ms(given["onset_tolerance"], "onset_tolerance")
    question["table"] = {key: str(given[key]) for key in _TABLE if key in given}
    question["server"] = _server(given)
    return question


def _server(given: Mapping[str, Any]) -> dict[str, Any]:
    server: dict[str, Any] = {}
    for key in ("since", "step", "timeout"):
        if key in given:
            server[f"{key}_ms"] = span_ms(given[key], key)
    for key in ("cluster", "username", "password_file", "bearer_token_file", "ca_file"):
        if key in given:
            server[key] = os.fspath(given[key])
    if "namespace" in given:
        namespace = given["namespace"]
        server["namespace"] = namespace if isinstance(namespace, str) else ",".join(namespace)
    if "end" in given:
        server["end"] = moment(given["end"], "end")
    if "headers" in given:
        server["headers"] = [[str(key), str(value)] for key, value in dict(given["headers"]).items()]
    return server


def _refuse(options: Mapping[str, Any], keys: Iterable[str], why: str) -> None:
    wrong = [key for key in keys if options.get(key) is not None]
    if wrong:
        raise AutomapError(f"it has no use here: {why}", wrong[0])
