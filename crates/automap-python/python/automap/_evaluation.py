"""Labelled incidents: engines side by side, and simulated incidents to try them on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Iterable, Optional, Union

from . import _automap
from ._errors import AutomapError
from ._times import span_ms


class Simulated:
    """A simulated incident.

    Attributes:
        path: The capture, for :func:`automap.diagnose`.
        injected: What was injected, which a diagnosis never sees; empty for a quiet one.
    """

    def __init__(self, path: Path, injected: list[dict[str, Any]]) -> None:
        self.path, self.injected = path, injected

    def __repr__(self) -> str:
        kinds = ", ".join(f"{one['kind']} {one.get('action', '')}".strip() for one in self.injected)
        return f"<automap.Simulated: {self.path.name}, {kinds or 'nothing injected'}>"


def simulate(
    dir: Union[str, os.PathLike[str]],
    *,
    incidents: int = 100,
    systems: int = 10,
    services: Union[int, tuple[int, int]] = (8, 60),
    users_per_s: float = 30.0,
    minutes: int = 20,
    scrape_s: int = 5,
    seed: int = 1,
) -> list[Simulated]:
    """Writes labelled incidents of simulated systems into a new folder, the same files as ``automap sim``."""
    least, most = services if isinstance(services, tuple) else (services, services)
    spec = {
        "incidents": incidents,
        "systems": systems,
        "least_services": least,
        "most_services": most,
        "users_per_s": users_per_s,
        "minutes": minutes,
        "scrape_s": scrape_s,
        "seed": seed,
    }
    made = _automap.simulate(os.fspath(dir), json.dumps(spec))
    return [Simulated(Path(path), json.loads(injected)) for path, injected in made]


def evaluate(
    dir: Union[str, os.PathLike[str]],
    *,
    engines: Iterable[str] = ("evidence",),
    onsets: Iterable[str] = ("known",),
    topology: str = "known",
    quiet: bool = False,
    cases: bool = False,
    seed: int = 1,
) -> dict[str, Any]:
    """Scores engines on a folder of labelled incidents: what ``automap eval -o json`` prints.

    Args:
        dir: Folders of incidents, in the layouts that ``automap eval --help`` lists: RCAEval's, among others.
        engines: ``evidence``, ``automap``, ``baro``, ``nsigma``, ``circa``, ``monitorrank``, ``pc-pagerank``, ``epsilon-diagnosis``, ``prism``,
            ``prism-conjunctive``, ``torai``, ``random``; the others are compared with the first.
        onsets: What engines are told of the start: ``known``, ``detected`` (nothing), or how late they are told it, such as ``+60s``.
        topology: Whether they are told the calls: ``known`` or ``none``.
        quiet: Also ask about fault-free time.
        cases: Also the answer to every case, in ``engines[…]["cases"]``: the rank of its cause, and the first services.
        seed: Of the bootstrap and of the random engine.
    """
    if topology not in ("known", "none"):
        raise AutomapError(f"there is no {topology!r}", "topology", "there are known and none")
    choices = {
        "engines": [engines] if isinstance(engines, str) else list(engines),
        "onsets_ms": [_late_ms(onset) for onset in ([onsets] if isinstance(onsets, str) else onsets)],
        "uses_known_calls": topology == "known",
        "quiet": quiet,
        "cases": cases,
        "seed": seed,
    }
    return json.loads(_automap.evaluate(os.fspath(dir), json.dumps(choices)))  # type: ignore[no-any-return]


def _late_ms(onset: str) -> Optional[int]:
    if onset in ("known", "detected"):
        return 0 if onset == "known" else None
    match = re.match(r"([+-])(.+)\Z", onset)
    if not match:
        raise AutomapError(f"{onset!r} says nothing about the start", "onsets", "give known, detected, or a signed span such as +60s")
    late = span_ms(match.group(2), "onsets") or 0
    return late if match.group(1) == "+" else -late
