"""Moments and spans as Python programs write them, in the words of the compiled part."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Optional, Union

from ._errors import AutomapError

# Unix times from here on are milliseconds: as seconds it is the year 5138.
_SECONDS_BELOW = 1e11
_SPAN = re.compile(r"\s*(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*(?:(\d+(?:\.\d+)?)\s*s)?\s*\Z")

Moment = Union[datetime, timedelta, float, int, str]
Span = Union[timedelta, float, int, str]


def moment(value: Any, name: str) -> Optional[dict[str, Any]]:
    """A moment: ``datetime`` (without a zone: UTC), ``numpy.datetime64``, Unix time, words as on the command line
    (RFC 3339, ``"14:03"``, ``"10m ago"``; in UTC and from the end of the data), or a negative ``timedelta`` from the end of the data."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        if value > timedelta(0):
            raise AutomapError(f"{value} is after the end of the data", name, "give a negative timedelta, such as timedelta(minutes=-10)")
        return {"back_ms": round(-value.total_seconds() * 1000)}
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        try:
            return {"at_ms": round(at.timestamp() * 1000)}
        except (ValueError, OverflowError) as error:
            raise AutomapError(f"{value!r} is not a time", name) from error
    if isinstance(value, str):
        return {"text": value}
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return {"at_ms": int(value.astype("datetime64[ms]").astype("int64"))}
    try:
        number = float(value)
        return {"at_ms": round(number * 1000 if abs(number) < _SECONDS_BELOW else number)}
    except (TypeError, ValueError, OverflowError) as error:
        hint = "give a datetime, Unix seconds, 2026-11-23T14:03:15Z, 14:03 or '10m ago'"
        raise AutomapError(f"{value!r} is not a time", name, hint) from error


def span_ms(value: Any, name: str) -> Optional[int]:
    """A span: ``timedelta``, seconds, or ``"10m"``, ``"1h30m"``, ``"90s"``; in milliseconds."""
    if value is None:
        return None
    seconds: Optional[float] = None
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        match = _SPAN.match(value)
        if match and any(match.groups()):
            days, hours, minutes, rest = (float(part or 0) for part in match.groups())
            seconds = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    elif isinstance(value, (int, float)):
        seconds = float(value)
    if seconds is None or not 0 <= seconds < 1e12:
        raise AutomapError(f"{value!r} is not a span", name, "give seconds, a timedelta, or '10m'")
    return round(seconds * 1000)
