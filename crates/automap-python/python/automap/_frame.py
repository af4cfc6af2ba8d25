"""A small table of results, for any library of data frames or for none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any, Iterator, Optional, Union

from . import _automap
from ._errors import AutomapError, needs

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Frame:
    """Columns of one length, by name, in order.

    A frame has Arrow's PyCapsule interface, so that ``polars.DataFrame(frame)`` and ``pyarrow.table(frame)`` take it as it is. What was not observed
    is ``None``. Times are in UTC.
    """

    def __init__(self, columns: _automap.Columns) -> None:
        self._inner = columns
        self._is_time = dict(columns.names())

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self._is_time)

    def column(self, name: str) -> list[Any]:
        """The values of one column."""
        if name not in self._is_time:
            raise AutomapError(f"there is no column {name!r}", hint=f"there are {', '.join(self._is_time)}")
        values = self._inner.column(name)
        return [_moment(v) for v in values] if self._is_time[name] else values

    def to_dict(self) -> dict[str, list[Any]]:
        """Every column by name."""
        return {name: self.column(name) for name in self._is_time}

    def rows(self) -> list[dict[str, Any]]:
        """Every row as a dictionary."""
        columns = self.to_dict()
        return [dict(zip(columns, values)) for values in zip(*columns.values())]

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``; needs pandas, not pyarrow."""
        try:
            import pandas
        except ImportError as error:
            raise needs("pandas", "pandas") from error
        frame = pandas.DataFrame({name: self._inner.column(name) for name in self._is_time})
        for name in (name for name, is_time in self._is_time.items() if is_time):
            frame[name] = pandas.to_datetime(frame[name], unit="ms", utc=True)
        return frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._inner.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        first = next(iter(self._is_time), None)
        return 0 if first is None else len(self._inner.column(first))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows())

    def __getitem__(self, key: Union[str, int]) -> Any:
        return self.column(key) if isinstance(key, str) else self.rows()[key]

    def __repr__(self) -> str:
        head = [self.columns, *([_cell(v) for v in row.values()] for row in self.rows()[:20])]
        widths = [max(len(row[i]) for row in head) for i in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in head]
        more = len(self) - 20
        return "\n".join([*lines, f"… {more} more rows"] if more > 0 else lines)

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        cells = ("".join(f"<td>{escape(_cell(v))}</td>" for v in row.values()) for row in self.rows()[:100])
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _moment(ms: Optional[int]) -> Optional[datetime]:
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"
