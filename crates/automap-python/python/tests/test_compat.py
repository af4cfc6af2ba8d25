"""automap beside the methods of other packages, in those packages' own code where they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from conftest import CALLS, FAULT, fault_start, needed, table

import automap
from automap.compat import pyrca, rcaeval


def frame() -> Any:
    """As RCAEval's tables are: times in whole seconds."""
    pandas = needed("pandas")
    columns = table()
    columns["time"] = [int(t.timestamp()) for t in columns["time"]]
    renamed = {name.replace("latency_ms", "latency-90"): values for name, values in columns.items()}
    return pandas.DataFrame(renamed)


@pytest.mark.parametrize("method", [rcaeval.evidence, rcaeval.automap])
def test_the_shape_of_an_rcaeval_method(method: Any) -> None:
    data = frame()
    out = method(data, int(fault_start().timestamp()), dataset="sock-shop", num_loop=2, sli=None, dk_select_useful=False, calls=CALLS)
    assert sorted(out) == ["node_names", "ranks"]
    assert out["node_names"] == [name for name in data.columns if name != "time"]
    assert set(out["ranks"]) <= set(out["node_names"]) and len(set(out["ranks"])) == len(out["ranks"])
    assert "payment" in [name.split("_")[0] for name in out["ranks"]][:2]


def test_the_start_may_be_unknown_and_nothing_may_be_wrong() -> None:
    assert rcaeval.evidence(frame())["ranks"][0].startswith(("payment", "orders", "front-end"))
    calm = frame().head(FAULT)
    assert rcaeval.evidence(calm)["ranks"] == []


def rcaevals_baro() -> Any:
    """RCAEval's method by its file: the package around it imports every method, with torch and more."""
    place = importlib.util.find_spec("RCAEval.e2e")
    spec = importlib.util.spec_from_file_location("rcaevals_baro", Path(place.origin).with_name("baro.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.baro


def test_in_rcaevals_own_evaluator_beside_baro() -> None:
    needed("RCAEval")
    from RCAEval.benchmark.evaluation import Evaluator
    from RCAEval.classes.graph import Node

    data, inject_time = frame(), int(fault_start().timestamp())
    for method in (rcaevals_baro(), rcaeval.evidence):
        evaluator = Evaluator()
        out = method(data, inject_time, dataset="sock-shop")
        assert sorted(out) == ["node_names", "ranks"]
        ranks = [Node(*name.split("_", 1)) for name in out["ranks"]]
        evaluator.add_case(ranks=ranks, answer=Node("payment", "cpu"), n_candidates=len(out["node_names"]))
        assert evaluator.accuracy_service(5) == 1.0
    assert evaluator.accuracy_service(1) == 1.0


def test_an_estimator_of_pyrca() -> None:
    columns = {name: values for name, values in table().items() if name != "time"}
    pandas = needed("pandas")
    data = pandas.DataFrame(columns)
    model = pyrca.Evidence(pyrca.EvidenceConfig(calls=CALLS, root_cause_top_k=2))
    with pytest.raises(automap.AutomapError, match="train"):
        model.find_root_causes(data)
    model.train(data.head(FAULT))
    results = model.find_root_causes(data.tail(len(data) - FAULT))
    first = results.to_list()[0]
    assert first["root_cause"].startswith("payment_") and 0 < first["score"] <= 1
    assert [service for service, _ in first["paths"][0][1]] == ["payment", "orders", "front-end"]
    assert len(results.root_cause_nodes) <= 2 and results.to_dict()["root_cause_nodes"]
    # With times as an index, as PyRCA's own data has them.
    indexed = data.set_index(pandas.to_datetime(table()["time"], utc=True))
    model.train(indexed.iloc[:FAULT])
    assert model.find_root_causes(indexed.iloc[FAULT:]).to_list()[0]["root_cause"].startswith("payment_")
    with pytest.raises(automap.AutomapError, match="differ in the columns"):
        model.find_root_causes(indexed.iloc[FAULT:].drop(columns=["user_cpu"]))


def test_results_are_pyrcas_own_where_it_is_installed() -> None:
    base = needed("pyrca.analyzers.base")
    assert pyrca.RCAResults is base.RCAResults
