"""The estimator in the model selection of scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import CALLS, CAPTURES, fault_start, needed, table

import automap
from automap.compat.sklearn import RootCauses

NAMES = {"cpu-carts-db": "carts-db", "cpu-catalogue": "catalogue", "delay-orders": "orders", "delay-payment": "payment"}


def incidents() -> tuple[list[Any], list[str]]:
    return [CAPTURES / f"{name}.parquet" for name in NAMES], list(NAMES.values())


def test_it_learns_from_confirmed_incidents_and_answers_as_diagnose_does() -> None:
    X, y = incidents()
    model = RootCauses().fit(X[:3], y[:3])
    assert len(model.cases_) == 3 and model.classes_ == ["carts-db", "catalogue", "orders"]
    expected = automap.diagnose(X[3], engine="automap", confirmed=model.cases_).to_dict()["causes"]
    assert model.rank(X[3:]) == [[cause["service"] for cause in expected]]
    first = expected[0]["service"]
    assert model.predict(X[3:]) == [first] and (model.score(X[3:], [first]), model.score(X[3:], ["user"])) == (1.0, 0.0)
    assert model.predict([CAPTURES / "quiet-1.parquet"]) == [""]


def test_an_incident_may_be_a_frame_with_its_start() -> None:
    incident = {"data": table(), "incident_start": fault_start(), "calls": CALLS}
    model = RootCauses(engine="evidence").fit([incident], ["payment"])
    assert model.cases_ == [] and model.predict([incident]) == ["payment"]


def test_in_scikit_learns_own_model_selection() -> None:
    needed("sklearn")
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, cross_val_score

    X, y = incidents()
    scores = cross_val_score(RootCauses(engine="evidence"), X, y, cv=2)
    assert list(scores) == [1.0, 1.0]
    search = GridSearchCV(RootCauses(), {"engine": ["automap", "evidence"]}, cv=2).fit(X, y)
    assert search.best_score_ == 1.0 and clone(search.best_estimator_).engine in ("automap", "evidence")


def test_what_is_wrong_is_said() -> None:
    X, y = incidents()
    for call, words in [
        (lambda: RootCauses().fit(X, y[:1]), "4 incidents and 1 causes"),
        (lambda: RootCauses().predict(X), "nothing was learnt"),
        (lambda: RootCauses().set_params(depth=3), "no parameter 'depth'"),
        (lambda: RootCauses().fit([{}], ["payment"]), "no data"),
    ]:
        with pytest.raises(automap.AutomapError, match=words):
            call()
