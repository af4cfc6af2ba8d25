"""From metrics to an answer."""

from __future__ import annotations

import os
from typing import Any, Iterable, Optional, Union

from . import _automap
from ._observation import Observation, observe
from ._report import Report
from ._times import Moment, Span


def diagnose(
    data: Any,
    *,
    incident_start: Optional[Moment] = None,
    calls: Any = None,
    engine: str = "evidence",
    incident_end: Optional[Moment] = None,
    baseline: Optional[tuple[Moment, Moment]] = None,
    onset_tolerance: Optional[Span] = None,
    confirmed: Iterable[str] = (),
    name: Optional[str] = None,
    **options: Any,
) -> Report:
    """Finds the service that caused an incident, by the function that every mode of automap calls.

    Args:
        data: A data frame with Arrow's PyCapsule interface (pandas, polars, pyarrow) or a dictionary of columns, wide (a time column, and a column for each
            ``<service>_<metric>``) or long; the path of a capture or of a table (CSV, Parquet, Arrow); the URL of a Prometheus, with ``namespace``;
            or an :class:`Observation`.
        incident_start: When it began, or was noticed. Unset: found in the data. A ``datetime`` (without a zone: UTC), Unix seconds, RFC 3339, ``"14:03"``
            (UTC, the last such time in the data), ``"10m ago"``, or a negative ``timedelta`` from the end of the data.
        calls: Who calls whom, where the data does not say so: pairs ``(caller, callee)``, or a ``networkx.DiGraph``.
        engine: ``evidence``, the more accurate one, or ``automap``, which learns a behaviour graph and walks it.
        incident_end: When it ended. Unset: the end of the data.
        baseline: What to compare with, ``(start, end)``. Unset: all before the incident.
        onset_tolerance: How late ``incident_start`` may be; 0 takes it as exact. Unset: three minutes.
        confirmed: Earlier incidents with their causes, for engine ``automap``: what :meth:`Report.confirmed` gave.
        name: What the data is called in the report.
        options: How a table is read (``time_zone``, ``time_format``, ``separator``, ``metric``, ``decimal``), or which server and what of it
            (``namespace``, ``cluster``, ``since``, ``end``, ``step``, ``timeout``, ``username``, ``password_file``, ``bearer_token_file``, ``headers``, ``ca_file``).

    Raises:
        AutomapError: The data cannot be read, or leaves nothing to compare.
    """
    windows = {"incident_start": incident_start, "incident_end": incident_end, "baseline": baseline, "onset_tolerance": onset_tolerance}
    seen = observe(data, {**windows, **options}, calls=calls, engine=engine, name=name)
    return Report(_automap.diagnose(seen, engine, list(confirmed)))


def read_capture(path: Union[str, os.PathLike[str]], *, calls: Any = None, **options: Any) -> Observation:
    """Reads a capture, or a table; the options are those of :func:`diagnose`."""
    return Observation(observe(os.fspath(path), options, calls=calls))


def capture(data: Any, path: Union[str, os.PathLike[str]], *, calls: Any = None, name: Optional[str] = None, **options: Any) -> Observation:
    """Writes what a diagnosis needs as one capture (Parquet), which ``automap diagnose`` reads; the options are those of :func:`diagnose`."""
    seen = observe(data, options, calls=calls, name=name)
    seen.write(os.fspath(path))
    return Observation(seen)


def demo() -> Observation:
    """A recorded incident of a small shop: the one that ``automap demo`` diagnoses."""
    return Observation(_automap.Observation.demo())
