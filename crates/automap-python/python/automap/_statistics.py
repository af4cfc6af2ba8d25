"""The statistics behind the AutoMAP engine, on plain numbers: partial correlation, PC, the random walk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional

from . import _automap
from ._errors import AutomapError, needs


@dataclass(frozen=True)
class CorrelationResult:
    """As ``scipy.stats.pearsonr`` gives it. Both are ``nan`` where there are too few samples or the conditions determine a series."""

    statistic: float
    pvalue: float

    def __iter__(self) -> Any:
        return iter((self.statistic, self.pvalue))


def partial_corr(
    x: Iterable[float], y: Iterable[float], given: Iterable[Iterable[float]] = (), *, ranks: bool = False, effective_samples: bool = False
) -> CorrelationResult:
    """Correlation of ``x`` and ``y`` with the linear influence of the series in ``given`` taken out of both, with Fisher's z-test.

    Args:
        ranks: Correlate normal scores, for which only the order counts.
        effective_samples: Count what autocorrelated samples are worth, instead of all of them. The p-value of the textbook test is far too small for metrics
            that were averaged over a minute and sampled every few seconds.
    """
    series = [_numbers(x, "x"), _numbers(y, "y"), *(_numbers(z, "given") for z in given)]
    statistic, pvalue = _automap.partial_corr(series, ranks, effective_samples)
    return CorrelationResult(statistic, math.nan if pvalue is None else pvalue)


@dataclass(frozen=True)
class PcResult:
    """What the PC algorithm found.

    Attributes:
        nodes: The series.
        directed: Edges ``(cause, effect)``.
        undirected: Edges whose direction the data does not tell, each once.
        strengths: Correlation of the two ends of each edge of the skeleton, 0 to 1.
        separating_sets: For each pair that is independent given a set, the set.
    """

    nodes: list[str]
    directed: list[tuple[str, str]]
    undirected: list[tuple[str, str]]
    strengths: dict[tuple[str, str], float]
    separating_sets: dict[tuple[str, str], list[str]]

    def to_networkx(self) -> Any:
        """A ``networkx.DiGraph``; an undirected edge goes both ways."""
        try:
            import networkx
        except ImportError as error:
            raise needs("networkx", "networkx") from error
        out = networkx.DiGraph()
        out.add_nodes_from(self.nodes)
        out.add_edges_from([*self.directed, *self.undirected, *((b, a) for a, b in self.undirected)])
        return out


def pc(
    data: Any, alpha: float = 0.05, *, false_discovery_rate: float = 1.0, max_conditions: int = 2, ranks: bool = True, effective_samples: bool = True
) -> PcResult:
    """The PC algorithm (stable, with the weakest dependence of each level deciding) on the columns of a data frame or dictionary.

    Args:
        alpha: Significance level of one test.
        false_discovery_rate: Accepted share of false edges; 1 switches the control off.
        max_conditions: Largest number of conditions of a test.
        ranks: Test normal scores instead of the values.
        effective_samples: Count what autocorrelated samples are worth, instead of all.
    """
    names = [str(name) for name in (data.columns if hasattr(data, "columns") else data)]
    keys = list(data.columns if hasattr(data, "columns") else data)
    series = [_numbers(data[key], str(key)) for key in keys]
    arrows, separated, strengths = _automap.pc(series, alpha, false_discovery_rate, max_conditions, ranks, effective_samples)
    both = set(arrows)
    return PcResult(
        nodes=names,
        directed=[(names[i], names[j]) for i, j in arrows if (j, i) not in both],
        undirected=[(names[i], names[j]) for i, j in arrows if (j, i) in both and i < j],
        strengths={(names[i], names[j]): strength for i, j, strength in strengths},
        separating_sets={(names[i], names[j]): [names[k] for k in given] for i, j, given in separated},
    )


def walk(
    edges: Any,
    scores: Mapping[str, float],
    *,
    start: Optional[Mapping[str, float]] = None,
    entry: Optional[str] = None,
    backward: float = 0.2,
    second_order: float = 1.0,
    restart: float = 0.5,
    seed: Optional[int] = None,
) -> dict[str, float]:
    """How often each service is visited by AutoMAP's heuristic walk from effects to causes; the shares sum to 1, the largest first.

    Args:
        edges: Pairs ``(cause, effect)``, or a ``networkx.DiGraph`` such as :func:`automap.graph` gives.
        scores: How much each service attracts the walk, from 0.
        start: Where it starts and restarts; unset: in proportion to ``scores``.
        entry: A service on which the walk does not rest: where users noticed.
        backward: Weight of a step back from cause to effect, 0 to 1.
        second_order: Weight of the present step in a walk of second order, 0 to 1; 1 is first order.
        restart: Probability of starting anew, 0 to 1.
        seed: Walk at random with this seed instead of computing the visits.
    """
    names = list(scores)
    place = {name: i for i, name in enumerate(names)}
    for name in [*(start or {}), *([entry] if entry is not None else [])]:
        if name not in place:
            raise AutomapError(f"{name!r} has no score", "scores", "give a score for each service, 0 where it does not attract")
    arrows = []
    for cause, effect in edges.edges() if hasattr(edges, "edges") else edges:
        if cause not in place or effect not in place:
            raise AutomapError(f"the edge from {cause!r} to {effect!r} leads to a service without a score", "scores", "give a score for each service")
        arrows.append((place[effect], place[cause]))
    attraction = [float(scores[name]) for name in names]
    starts = attraction if start is None else [float(start.get(name, 0.0)) for name in names]
    shares = _automap.walk(arrows, attraction, starts, None if entry is None else place[entry], backward, second_order, restart, seed)
    return dict(sorted(zip(names, shares), key=lambda pair: (-pair[1], pair[0])))


def _numbers(values: Any, name: str) -> list[float]:
    cells = values.tolist() if hasattr(values, "tolist") else list(values)
    try:
        return [math.nan if cell is None else float(cell) for cell in cells]
    except (TypeError, ValueError) as error:
        raise AutomapError(f"it holds what is no number: {error}", name) from error
