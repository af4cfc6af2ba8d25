"""Data frames without Arrow, and plain dictionaries, as lists of numbers, words and times.

pandas needs pyarrow for its Arrow interface; nothing here does, and numpy is used by its arrays' own methods only.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterable, Mapping, Optional

from ._errors import AutomapError

# What numpy gives for a time that is none.
_NOT_A_TIME = -(2**63)

Given = tuple[str, str, list[Any]]


def columns_of(data: Any) -> list[Given]:
    """Name, kind and values of every column."""
    if isinstance(data, Mapping):
        return [_column(str(name), values) for name, values in data.items()]
    index = getattr(data, "index", None)
    named = [] if index is None or not _tells(index) else [(str(index.name or "time"), index.to_series())]
    return [_column(str(name), values) for name, values in [*named, *data.items()]]


def _tells(index: Any) -> bool:
    """Whether an index is more than a count of rows."""
    return index.name is not None or getattr(index.dtype, "kind", "") == "M" or hasattr(index, "tz")


def _column(name: str, values: Any) -> Given:
    kind = getattr(getattr(values, "dtype", None), "kind", None)
    if kind == "M":
        return _times(name, values)
    if kind is not None and kind in "iufb":
        as_floats = values.to_numpy(dtype="float64", na_value=float("nan")) if hasattr(values, "to_numpy") else values
        return name, "number", as_floats.tolist()
    return _of_objects(name, values.tolist() if hasattr(values, "tolist") else list(values))


def _times(name: str, values: Any) -> Given:
    zone = getattr(values.dtype, "tz", None)
    if zone is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    ms = array.astype("datetime64[ms]").astype("int64").tolist()
    return name, "local_time" if zone is None else "time", [None if v == _NOT_A_TIME else v for v in ms]


def _of_objects(name: str, values: Iterable[Any]) -> Given:
    cells = [None if _is_missing(v) else v for v in values]
    first = next((v for v in cells if v is not None), None)
    if isinstance(first, datetime):
        return name, "local_time" if first.tzinfo is None else "time", [_ms(v, name) for v in cells]
    if first is None or isinstance(first, str):
        return name, "text", [None if v is None else str(v) for v in cells]
    try:
        return name, "number", [None if v is None else float(v) for v in cells]
    except (TypeError, ValueError) as error:
        raise AutomapError(f"column {name!r} has values that are no numbers: {error}", hint="give numbers, text or datetimes") from error


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _ms(value: Any, name: str) -> Optional[int]:
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise AutomapError(f"column {name!r} mixes times with {value!r}")
    at = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    return round(at.timestamp() * 1000)
