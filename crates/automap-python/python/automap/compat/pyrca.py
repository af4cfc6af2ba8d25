"""automap's evidence engine as an estimator of PyRCA (Salesforce): ``train`` on normal data, ``find_root_causes`` in abnormal data.

PyRCA itself is not needed; where it is installed, the results are its own ``RCAResults``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from .. import _automap
from .._columns_in import columns_of
from .._errors import AutomapError
from .._observation import observe
from .._report import Report
from ._columns import ranked_columns

__all__ = ["Evidence", "EvidenceConfig", "RCAResults"]

try:
    from pyrca.analyzers.base import RCAResults
except ImportError:

    @dataclass
    class RCAResults:  # type: ignore[no-redef]
        """Root causes as PyRCA gives them: ``(metric, score)`` pairs, and paths by metric."""

        root_cause_nodes: list[Any] = field(default_factory=list)
        root_cause_paths: dict[str, Any] = field(default_factory=dict)

        def to_dict(self) -> dict[str, Any]:
            """The results as a dictionary."""
            return asdict(self)

        def to_list(self) -> list[dict[str, Any]]:
            """The results as a list of dictionaries, one for each root cause."""
            paths = self.root_cause_paths
            return [{"root_cause": node, "score": score, "paths": paths.get(node)} for node, score in self.root_cause_nodes]


@dataclass
class EvidenceConfig:
    """Choices of the estimator.

    Attributes:
        calls: Pairs ``(caller, callee)``, or a ``networkx.DiGraph``; ``None`` where they are not known.
        step_s: Seconds between two rows, where the data has no times.
        root_cause_top_k: Most root causes that are given back.
        engine: ``evidence`` or ``automap``.
    """

    calls: Any = None
    step_s: float = 1.0
    root_cause_top_k: int = 3
    engine: str = "evidence"


class Evidence:
    """The estimator. Columns are ``<service>_<metric>``; rows follow each other in time, by their ``DatetimeIndex`` where there is one."""

    config_class = EvidenceConfig

    def __init__(self, config: Optional[EvidenceConfig] = None) -> None:
        self.config = config or EvidenceConfig()
        self._normal: Any = None

    def train(self, normal_df: Any, **kwargs: Any) -> None:
        """Keeps what is normal."""
        self._normal = normal_df

    def find_root_causes(self, abnormal_df: Any, **kwargs: Any) -> Any:
        """One metric of each candidate, with the confidence that its service is the cause; no candidates where nothing is wrong."""
        if self._normal is None:
            raise AutomapError("there is no normal data", "find_root_causes", "call train(normal_df) first")
        table, start = _joined(self._normal, abnormal_df, self.config.step_s)
        options = {"incident_start": start, "onset_tolerance": 0, "separator": "_"}
        seen = observe(table, options, calls=self.config.calls, engine=self.config.engine)
        report = Report(_automap.diagnose(seen, self.config.engine, []))
        services, metrics = _automap.answer(seen, self.config.engine, 0)
        columns = ranked_columns([name for name in table if name != "time"], services, metrics)
        nodes, paths = [], {}
        for cause in report.to_dict()["causes"][: self.config.root_cause_top_k]:
            column = next((c for c in columns if c.partition("_")[0] == cause["service"]), None)
            if column is None:
                continue
            nodes.append((column, cause["confidence"]))
            if len(cause["path"]) > 1:
                paths[column] = [(cause["confidence"], [(service, None) for service in reversed(cause["path"])])]
        return RCAResults(root_cause_nodes=nodes, root_cause_paths=paths)


def _joined(normal: Any, abnormal: Any, step_s: float) -> tuple[dict[str, list[Any]], datetime]:
    """Both tables as columns, one after the other in time, and where the second begins."""
    before, after = ({name: values for name, _, values in columns_of(part)} for part in (normal, abnormal))
    if set(before) != set(after):
        odd = sorted(set(before) ^ set(after))
        raise AutomapError(f"normal and abnormal data differ in the columns {', '.join(odd[:5])}", hint="give the same columns in both")
    table = {name: [*before[name], *after[name]] for name in before}
    count = len(next(iter(before.values()), []))
    time = next((name for name in (_index_name(normal), "time", "timestamp") if name in table), None)
    if time is None:
        rows = range(len(next(iter(table.values()), [])))
        table["time"] = [datetime(2020, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=step_s * row) for row in rows]
        return table, table["time"][min(count, len(table["time"]) - 1)]
    table["time"] = [_moment(value) for value in table.pop(time)]
    return table, table["time"][min(count, len(table["time"]) - 1)]


def _index_name(data: Any) -> str:
    return str(getattr(getattr(data, "index", None), "name", None) or "time")


def _moment(value: Any) -> datetime:
    # Columns of times come as milliseconds; a column of numbers named time is in seconds.
    return datetime.fromtimestamp(value / 1000 if abs(value) >= 1e11 else value, tz=timezone.utc)
