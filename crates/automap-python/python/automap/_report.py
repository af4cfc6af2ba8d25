"""An answer: who caused the incident, with the evidence, as data, text, page and pictures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from html import escape
from typing import Any, Optional, Union

from . import _automap
from ._errors import AutomapError
from ._frame import Frame


@dataclass(frozen=True)
class Verdict:
    """What may be said.

    Attributes:
        kind: ``cause``, ``no_incident``, ``not_enough_evidence`` or ``cannot_tell``.
        service: The service named; ``None`` unless ``kind`` is ``cause``.
        mechanism: The kind of fault that its evidence shows, such as ``network`` or ``cpu``; ``None`` where that is open.
        confidence: Of the first candidate, 0 to 1, whether or not it is named.
        level: The same in a word: ``high``, ``medium``, ``low``.
        summary: One sentence.
    """

    kind: str
    service: Optional[str]
    mechanism: Optional[str]
    confidence: float
    level: str
    summary: str

    def __str__(self) -> str:
        return self.summary


class Picture:
    """A drawing that a notebook shows, and that can be saved."""

    def __init__(self, text: str, form: str) -> None:
        self._text, self._form = text, form

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes it to a file, which must end in the picture's form: ``.svg`` or ``.html``."""
        place = os.fspath(path)
        if not place.lower().endswith(f".{self._form}"):
            raise AutomapError(f"the picture is {self._form.upper()}", place, f"give a name that ends in .{self._form}")
        with open(place, "w", encoding="utf-8", newline="\n") as file:
            file.write(self._text)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<automap.Picture: {self._form}, {len(self._text)} characters>"

    def _repr_html_(self) -> str:
        return self._text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # One form: a notebook that was given both would keep the drawing twice.
        return {"text/html": self._text, "text/plain": repr(self)}


class Explanation:
    """Why a service ranks where it ranks: its changes, its neighbours', the parts of its score, and what would have to be true for it to be the cause."""

    def __init__(self, text: str, data: dict[str, Any]) -> None:
        self._text, self._data = text, data

    def to_dict(self) -> dict[str, Any]:
        """As ``automap explain -o json`` prints it."""
        return self._data

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self._text)}</pre>"


class Report:
    """The answer of :func:`automap.diagnose`."""

    def __init__(self, inner: _automap.Diagnosis) -> None:
        self._inner = inner
        self._data: Optional[dict[str, Any]] = None

    @property
    def verdict(self) -> Verdict:
        """What may be said."""
        verdict = self._report()["verdict"]
        return Verdict(**{key: verdict[key] for key in Verdict.__dataclass_fields__})

    @property
    def causes(self) -> Frame:
        """Every candidate, most likely first: ``rank``, ``service``, ``confidence``, ``score``, ``named``, ``onset``, ``path``, ``evidence``."""
        return Frame(self._inner.causes())

    @property
    def notes(self) -> list[str]:
        """Remarks on the data: what weakens the answer, and how a table was understood."""
        return [note["message"] for note in self._report()["notes"]]

    def to_dict(self) -> dict[str, Any]:
        """The report as ``automap diagnose -o json`` prints it."""
        return json.loads(self._inner.json())  # type: ignore[no-any-return]

    def to_json(self) -> str:
        """The report as ``automap diagnose -o json`` prints it, byte for byte."""
        return self._inner.json()

    def to_html(self) -> str:
        """The page of the incident: one file with everything inside, as ``automap report`` writes it."""
        return self._inner.html()

    def to_markdown(self) -> str:
        """The same for a chat or an issue."""
        return self._inner.markdown()

    def to_text(self, verbose: bool = False) -> str:
        """The report for a terminal."""
        return self._inner.text(verbose)

    def plot_map(self) -> Picture:
        """The service map: the cause, how it reached the users, who suffers."""
        return Picture(self._inner.map_svg(), "svg")

    def plot_series(self, service: str) -> Picture:
        """Every series of one service, and of its calls, with baseline, incident and onset."""
        return Picture(self._inner.series_html(service), "html")

    def series(self, service: str) -> dict[str, Any]:
        """The data of :meth:`plot_series`."""
        return json.loads(self._inner.series_json(service))  # type: ignore[no-any-return]

    def explain(self, service: str) -> Explanation:
        """Why a service ranks where it ranks."""
        return Explanation(self._inner.explanation_text(service), json.loads(self._inner.explanation_json(service)))

    def confirmed(self, service: str, id: str) -> str:
        """This incident with its true cause, for ``diagnose(…, engine="automap", confirmed=[…])`` of later ones: JSON to be kept.

        The engine learns from it which metrics to trust. ``id`` is the incident's name.
        """
        return self._inner.confirmed(id, service)

    def _report(self) -> dict[str, Any]:
        if self._data is None:
            self._data = self.to_dict()
        return self._data

    def __repr__(self) -> str:
        return self._inner.text(False)

    def _repr_html_(self) -> str:
        return self._inner.notebook()
