#!/usr/bin/env python3
"""Golden numbers from independent programs, for crates/automap-core/tests/golden.rs.

Run manually when a table is added; its tables are part of the repository, so that tests need no Python:

    python3 -m venv target/golden
    target/golden/bin/pip install causal-learn==0.1.4.8 networkx==3.6.1 numpy==2.4.6 pandas==3.1.1 pingouin==0.7.0 scipy==1.17.1
    target/golden/bin/python scripts/golden.py

Seeds are fixed: the same versions write the same bytes. Everything is compared with the textbook: no rank scores, no effective
samples, no control of false discoveries.
"""

import csv
import itertools
import pathlib

import networkx
import numpy
import pandas
import pingouin
import scipy.stats
from causallearn.search.ConstraintBased.PC import pc
from causallearn.utils.cit import CIT

HERE = pathlib.Path(__file__).resolve().parent.parent / "crates/automap-core/tests/golden"
SAMPLES = 200
ALPHA = 0.05
BINS = 3
NAMES = list("abcdefgh")


def write(name, header, rows):
    with open(HERE / name, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        # repr() of a float is its shortest exact form.
        out.writerows([[repr(float(v)) if isinstance(v, (float, numpy.floating)) else v for v in row] for row in rows])


TRUTH = [(0, 1, "line"), (1, 2, "line"), (1, 4, "arrow"), (3, 4, "arrow"), (3, 5, "arrow"), (4, 5, "arrow"), (5, 6, "arrow")]


def data(seed):
    """a → b → c; the collider b → e ← d; e → f ← d, which only Meek's first two rules can orient; f → g; h alone.

    All effects are positive, so that no two ways between series cancel out.
    """
    random = numpy.random.default_rng(seed)
    noise = lambda: random.standard_normal(SAMPLES)
    a, d, h = noise(), noise(), noise()
    b = 0.9 * a + 0.6 * noise()
    c = 0.8 * b + 0.7 * noise()
    e = 1.0 * b + 0.7 * d + 0.5 * noise()
    f = 0.8 * e + 0.5 * d + 0.6 * noise()
    g = 0.9 * f + 1.2 * noise()
    return numpy.column_stack([a, b, c, d, e, f, g, h])


def questions(random):
    """Every pair given nothing and given each other series; some given two and three."""
    for i, j in itertools.combinations(range(len(NAMES)), 2):
        others = [k for k in range(len(NAMES)) if k not in (i, j)]
        yield i, j, ()
        yield from ((i, j, (k,)) for k in others)
        for size in (2, 3, 5):
            yield i, j, tuple(sorted(int(k) for k in random.choice(others, size, replace=False)))


def given_text(given):
    return " ".join(str(k) for k in given)


def partial_by_residuals(x, i, j, given):
    """Correlation of the residuals of a regression on the conditions."""
    if not given:
        return numpy.corrcoef(x[:, i], x[:, j])[0, 1]
    by = numpy.column_stack([numpy.ones(len(x)), x[:, list(given)]])
    rest = [x[:, k] - by @ numpy.linalg.lstsq(by, x[:, k], rcond=None)[0] for k in (i, j)]
    return numpy.corrcoef(*rest)[0, 1]


def fisher_z(x):
    peer = CIT(x, "fisherz")
    rows = []
    for i, j, given in questions(numpy.random.default_rng(1)):
        r = partial_by_residuals(x, i, j, given)
        z = numpy.arctanh(abs(r)) * numpy.sqrt(len(x) - len(given) - 3)
        p = 2 * scipy.stats.norm.sf(z)
        # causal-learn computes 2·(1 − Φ), which has no digits left for tiny values: it is only compared, and this one is written.
        assert abs(peer(i, j, list(given)) - p) < 1e-12, (i, j, given)
        rows.append([i, j, given_text(given), p])
    write("fisher_z.csv", ["i", "j", "given", "p_value"], rows)


def partial_correlation(x):
    frame = pandas.DataFrame(x, columns=NAMES)
    rows = []
    for i, j, given in questions(numpy.random.default_rng(2)):
        covariates = {"covar": [NAMES[k] for k in given]} if given else {}
        r = pingouin.partial_corr(frame, NAMES[i], NAMES[j], **covariates)["r"].iloc[0]
        assert abs(r - partial_by_residuals(x, i, j, given)) < 1e-9, (i, j, given)
        rows.append([i, j, given_text(given), float(r)])
    write("partial_correlation.csv", ["i", "j", "given", "r"], rows)


def g_square(x):
    """G of every pair, alone and stratified by one other series, on bins of equal counts."""
    ranks = scipy.stats.rankdata(x, axis=0)
    bins = numpy.minimum((ranks - 0.5) / len(x) * BINS, BINS - 1).astype(int)
    write("g_square_bins.csv", NAMES, bins.tolist())

    def table(i, j, chosen):
        out = numpy.zeros((BINS, BINS))
        numpy.add.at(out, (bins[chosen, i], bins[chosen, j]), 1)
        return out

    rows = []
    for i, j in itertools.combinations(range(len(NAMES)), 2):
        for given in [()] + [(k,) for k in range(len(NAMES)) if k not in (i, j)]:
            strata = [bins[:, given[0]] == s for s in range(BINS)] if given else [numpy.full(len(x), True)]
            tables = [table(i, j, chosen) for chosen in strata]
            # scipy rejects a table with an empty row or column, for which G has fewer degrees of freedom.
            if any((t.sum(axis) == 0).any() for t in tables for axis in (0, 1)):
                continue
            answers = [scipy.stats.chi2_contingency(t, correction=False, lambda_="log-likelihood") for t in tables]
            g, freedom = sum(a.statistic for a in answers), sum(a.dof for a in answers)
            rows.append([i, j, given_text(given), float(g), float(scipy.stats.chi2.sf(g, freedom))])
    write("g_square.csv", ["i", "j", "given", "g", "p_value"], rows)


def peers_graph(x):
    """The graph of causal-learn's PC-stable: an arrow, or a line if the data does not determine the direction."""
    graph = pc(x, ALPHA, "fisherz", stable=True, uc_rule=0, uc_priority=2, show_progress=False).G.graph
    kinds = {(-1, 1): (1, "arrow"), (1, -1): (-1, "arrow"), (-1, -1): (1, "line"), (1, 1): (1, "both")}
    edges = []
    for i, j in itertools.combinations(range(len(NAMES)), 2):
        if graph[i, j] != 0:
            order, kind = kinds[graph[i, j], graph[j, i]]
            edges.append((*(i, j)[::order], kind))
    return sorted(edges)


def pagerank():
    """A weighted graph of 12 nodes, three of them dead ends, that restarts at one distribution and leaves dead ends by another."""
    random = numpy.random.default_rng(3)
    nodes, dead_ends = range(12), (4, 9, 11)
    edges = [(i, j) for i in nodes for j in nodes if i != j and i not in dead_ends and random.random() < 0.25]
    weights = random.uniform(0.1, 3.0, len(edges))
    start, teleport = random.uniform(0, 1, (2, len(nodes)))
    start[[1, 5]] = 0.0
    graph = networkx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_weighted_edges_from((i, j, w) for (i, j), w in zip(edges, weights))
    of = lambda alpha: networkx.pagerank(
        graph, alpha, dict(enumerate(start)), dangling=dict(enumerate(teleport)), tol=1e-15, max_iter=10_000
    )
    half, usual = of(0.5), of(0.85)
    write("pagerank_edges.csv", ["from", "to", "weight"], [[i, j, w] for (i, j), w in zip(edges, weights)])
    rows = [[i, start[i], teleport[i], half[i], usual[i]] for i in nodes]
    write("pagerank.csv", ["node", "start", "teleport", "pagerank_50", "pagerank_85"], rows)


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    # With twenty-eight pairs at a level of 5 % a chance error is likely. This is the first seed at which causal-learn finds the truth:
    # there the result does not depend on which of several separating sets a program prefers.
    seed = next(seed for seed in itertools.count(1) if peers_graph(data(seed)) == TRUTH)
    x = data(seed)
    write("data.csv", NAMES, x.tolist())
    fisher_z(x)
    partial_correlation(x)
    g_square(x)
    write("skeleton.csv", ["from", "to", "kind"], peers_graph(x))
    pagerank()


if __name__ == "__main__":
    main()
