"""The statistics, on numbers whose answers are known."""

from __future__ import annotations

import math
import random

import pytest
from conftest import CALLS, fault_start, needed, table

import automap


def chain(n: int = 300) -> dict[str, list[float]]:
    """a → b → c."""
    rng = random.Random(1)
    a = [rng.gauss(0, 1) for _ in range(n)]
    b = [v + rng.gauss(0, 1) for v in a]
    return {"a": a, "b": b, "c": [v + rng.gauss(0, 1) for v in b]}


def test_without_conditions_it_is_pearsons_correlation() -> None:
    data = chain()
    stats = needed("scipy.stats")
    expected = stats.pearsonr(data["a"], data["b"])
    statistic, pvalue = automap.partial_corr(data["a"], data["b"])
    assert statistic == pytest.approx(expected.statistic, abs=1e-12)
    z = math.atanh(statistic) * math.sqrt(300 - 3)
    assert pvalue == pytest.approx(2 * stats.norm.sf(z), rel=1e-9)


def test_a_condition_takes_its_influence_out() -> None:
    data = chain()
    result = automap.partial_corr(data["a"], data["c"], [data["b"]])
    ab, ac, bc = (automap.partial_corr(data[x], data[y]).statistic for x, y in ("ab", "ac", "bc"))
    by_hand = (ac - ab * bc) / math.sqrt((1 - ab**2) * (1 - bc**2))
    assert result.statistic == pytest.approx(by_hand, abs=1e-12)
    assert result.pvalue > 0.05 and automap.partial_corr(data["a"], data["c"]).pvalue < 1e-6


def test_what_cannot_be_told_is_not_called_independent() -> None:
    data = chain()
    for x, y, given in ((data["a"], [1.0] * 300, []), (data["a"][:3], data["b"][:3], []), (data["a"], data["c"], [data["a"]])):
        assert math.isnan(automap.partial_corr(x, y, given).pvalue)


def test_effective_samples_are_fewer() -> None:
    rng = random.Random(3)
    draw = lambda: [rng.gauss(0, 1) for _ in range(400)]
    over_a_minute = lambda values: [sum(values[i : i + 12]) for i in range(len(values) - 12)]
    x, y = over_a_minute(draw()), over_a_minute(draw())
    assert automap.partial_corr(x, y, effective_samples=True).pvalue > automap.partial_corr(x, y).pvalue


def test_pc_finds_a_chain_and_a_collider() -> None:
    found = automap.pc(chain())
    assert found.nodes == ["a", "b", "c"] and found.directed == []
    assert found.undirected == [("a", "b"), ("b", "c")] and found.separating_sets == {("a", "c"): ["b"]}
    rng = random.Random(2)
    x, y = ([rng.gauss(0, 1) for _ in range(300)] for _ in range(2))
    collider = automap.pc({"x": x, "y": y, "z": [a + b + rng.gauss(0, 1) for a, b in zip(x, y)]})
    assert collider.directed == [("x", "z"), ("y", "z")] and collider.separating_sets == {("x", "y"): []}
    graph = collider.to_networkx()
    assert sorted(graph.edges) == [("x", "z"), ("y", "z")]
    frame = needed("pandas").DataFrame(chain())
    assert automap.pc(frame).undirected == found.undirected


def test_a_walk_worked_out_by_hand() -> None:
    # Front-end waits for 1, which waits for 2: in balance 1/14, 5/14 and 8/14 of the time.
    scores = {"front-end": 1.0, "orders": 2.0, "payment": 4.0}
    edges = [("orders", "front-end"), ("payment", "orders")]
    shares = automap.walk(edges, scores, start={"front-end": 1.0}, entry="front-end", backward=0.5, restart=0.0)
    assert list(shares) == ["payment", "orders", "front-end"]
    assert shares["payment"] == pytest.approx(8 / 14, abs=1e-2) and sum(shares.values()) == pytest.approx(1)
    networkx = needed("networkx")
    again = automap.walk(networkx.DiGraph(edges), scores, start={"front-end": 1.0}, entry="front-end", backward=0.5, restart=0.0)
    assert again == shares
    assert automap.walk(edges, scores, seed=1) == automap.walk(edges, scores, seed=1)


def test_the_behaviour_graph() -> None:
    needed("networkx")
    graph = automap.graph(table(), calls=CALLS, incident_start=fault_start())
    assert set(graph.nodes) == {"front-end", "orders", "payment", "user"}
    assert graph.nodes["payment"]["role"] == "cause" and graph.nodes["payment"]["rank"] == 1
    # A call is an edge from callee to caller: the way in which symptoms travel.
    assert graph.has_edge("payment", "orders") and graph.has_edge("orders", "front-end")
    for _, _, edge in graph.edges(data=True):
        assert not edge["weights"] or sum(edge["weights"].values()) == pytest.approx(1)
    assert set(automap.graph(table(), kind="normal", incident_start=fault_start()).nodes) == set(graph.nodes)
    with pytest.raises(automap.AutomapError, match="incident and normal"):
        automap.graph(table(), kind="other")
