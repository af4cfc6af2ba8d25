"""The behaviour graph of an incident, for networkx."""

from __future__ import annotations

import json
from typing import Any, Optional

from . import _automap
from ._errors import AutomapError, needs
from ._observation import observe
from ._times import Moment


def graph(data: Any, *, incident_start: Optional[Moment] = None, calls: Any = None, kind: str = "incident", **options: Any) -> Any:
    """Learns which services' metrics depend on each other: a ``networkx.DiGraph`` with an edge from cause to effect.

    An edge has ``weights`` (the share of each metric type in it; empty for a call that no metric shows) and ``directed``: where the data
    does not tell cause from effect there is an edge each way. A node has ``role``, ``rank`` and ``confidence`` in this incident. ``kind`` is
    ``incident`` or ``normal`` (the baseline). Other arguments are those of :func:`automap.diagnose`.
    """
    try:
        import networkx
    except ImportError as error:
        raise needs("networkx", "networkx") from error
    if kind not in ("incident", "normal"):
        raise AutomapError(f"there is no graph {kind!r}", "kind", "there are incident and normal")
    seen = observe(data, {"incident_start": incident_start, **options}, calls=calls)
    found = _automap.diagnose(seen, "evidence", [])
    out = networkx.DiGraph()
    for node in json.loads(found.nodes_json()):
        out.add_node(node["service"], role=node["role"], rank=node["rank"], confidence=node["confidence"])
    for cause, effect, weights in found.behaviour(kind == "normal"):
        out.add_edge(cause, effect, weights=dict(weights))
    for cause, effect, edge in out.edges(data=True):
        edge["directed"] = not out.has_edge(effect, cause)
    return out
