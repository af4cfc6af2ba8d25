"""automap's engines with the signature of RCAEval's methods (Pham et al., WWW 2025).

``evidence(data, inject_time, dataset=…)`` stands beside RCAEval's ``baro`` or ``circa``, in its harness and its ``Evaluator``. RCAEval itself is not needed.
"""

from __future__ import annotations

from typing import Any, Optional

from .. import _automap
from .._observation import observe
from ._columns import ranked_columns

__all__ = ["automap", "evidence"]

# pandas reads a second column named time as time.1.
_TIMES = ("time", "time.1", "Time")


def evidence(data: Any, inject_time: Optional[float] = None, dataset: Optional[str] = None, **kw: Any) -> dict[str, list[str]]:
    """Ranks by engine ``evidence``.

    Args:
        data: A data frame with the column ``time`` and columns ``<service>_<metric>``; the service ends at the first underscore, as in RCAEval.
        inject_time: When the fault began, in Unix seconds, taken as exact. Unset: found in the data.
        dataset: Not used; RCAEval's methods drop columns by it, and nothing is dropped here.
        kw: ``calls``: pairs ``(caller, callee)`` or a ``networkx.DiGraph``, which RCAEval does not have. Everything else that its harness passes is not used.

    Returns:
        ``node_names``, the columns of metrics, and ``ranks``, those of the candidates, most likely cause first; empty where nothing is wrong.
    """
    return _ranked(data, inject_time, "evidence", kw)


def automap(data: Any, inject_time: Optional[float] = None, dataset: Optional[str] = None, **kw: Any) -> dict[str, list[str]]:
    """Ranks by engine ``automap``, as :func:`evidence` does."""
    return _ranked(data, inject_time, "automap", kw)


def _ranked(data: Any, inject_time: Optional[float], engine: str, kw: dict[str, Any]) -> dict[str, list[str]]:
    if "time.1" in data.columns:
        data = data.drop(columns=["time.1"])
    options = {"incident_start": inject_time, "separator": "_"}
    if inject_time is not None:
        options["onset_tolerance"] = 0
    seen = observe(data, options, calls=kw.get("calls"), engine=engine)
    services, metrics = _automap.answer(seen, engine, 0)
    names = [str(column) for column in data.columns if column not in _TIMES]
    return {"node_names": names, "ranks": ranked_columns(names, services, metrics)}
