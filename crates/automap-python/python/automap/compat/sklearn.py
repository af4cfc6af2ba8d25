"""Incidents in, causes out: an estimator for the model selection of scikit-learn (``cross_val_score``, ``GridSearchCV``, ``clone``).

A sample is a whole incident and its label the service that caused it. What is learnt is how far the engine ``automap`` trusts each metric, from incidents
whose cause is confirmed; the engine ``evidence`` learns nothing. scikit-learn itself is not needed.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence, Union

from .._diagnose import diagnose
from .._errors import AutomapError
from .._observation import Observation
from .._report import Report

__all__ = ["RootCauses"]

Incident = Union[Observation, Mapping[str, Any], str, "os.PathLike[str]"]


class RootCauses:
    """The estimator.

    An incident is an :class:`automap.Observation`, the path of a capture or table, or a dictionary of the arguments of :func:`automap.diagnose`:
    ``{"data": df, "incident_start": start, "calls": calls}``.

    Args:
        engine: ``automap``, which learns from :meth:`fit`, or ``evidence``, the more accurate one without.

    Attributes:
        cases_: The confirmed incidents, as :meth:`automap.Report.confirmed` gives them. An incident learns from earlier ones only, by the times in the data.
        classes_: The causes that were seen, sorted. Others are predicted as well: a cause is found and not recognised.
    """

    def __init__(self, engine: str = "automap") -> None:
        self.engine = engine

    def fit(self, X: Sequence[Incident], y: Sequence[str]) -> "RootCauses":
        """Learns from incidents ``X`` with their confirmed causes ``y``."""
        if len(X) != len(y):
            raise AutomapError(f"there are {len(X)} incidents and {len(y)} causes", "fit", "give one cause for each incident")
        learns = self.engine == "automap"
        self.cases_ = [self._report(incident, []).confirmed(str(cause), id=f"case-{i}") for i, (incident, cause) in enumerate(zip(X, y)) if learns]
        self.classes_ = sorted({str(cause) for cause in y})
        return self

    def rank(self, X: Sequence[Incident]) -> list[list[str]]:
        """The candidates of each incident, the most likely first; none where nothing is wrong."""
        if not hasattr(self, "classes_"):
            raise AutomapError("nothing was learnt", "rank", "call fit(X, y) first")
        reports = (self._report(incident, self.cases_) for incident in X)
        return [[cause["service"] for cause in report.to_dict()["causes"]] for report in reports]

    def predict(self, X: Sequence[Incident]) -> list[str]:
        """The most likely cause of each incident, named or not; ``""`` where nothing is wrong."""
        return [candidates[0] if candidates else "" for candidates in self.rank(X)]

    def score(self, X: Sequence[Incident], y: Sequence[str]) -> float:
        """AC@1: the share of incidents whose cause comes first."""
        right = [found == str(cause) for found, cause in zip(self.predict(X), y)]
        return sum(right) / len(right) if right else float("nan")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The choices, by name."""
        return {"engine": self.engine}

    def set_params(self, **params: Any) -> "RootCauses":
        """Changes choices."""
        for name, value in params.items():
            if name not in self.get_params():
                raise AutomapError(f"there is no parameter '{name}'", "set_params", "the parameters are: engine")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        # No classifier: causes are found, not recognised, so folds need not hold every cause.
        target = TargetTags(required=True, one_d_labels=True)
        return Tags(estimator_type=None, target_tags=target, input_tags=InputTags(two_d_array=False, string=True))

    def _report(self, incident: Incident, cases: Sequence[str]) -> Report:
        options = dict(incident) if isinstance(incident, Mapping) else {"data": incident}
        if "data" not in options:
            raise AutomapError("an incident has no data", hint="give {'data': frame, 'incident_start': start}, an Observation or a path")
        return diagnose(options.pop("data"), engine=self.engine, confirmed=cases, **options)
