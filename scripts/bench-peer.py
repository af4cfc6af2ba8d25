"""causal-learn's skeleton of PC-stable with Fisher-z at 5 %, at most two conditions: its seconds, its version, its edges `i j`."""

import importlib.metadata
import itertools
import sys
import time

import numpy
from causallearn.utils.cit import CIT
from causallearn.utils.PCUtils.SkeletonDiscovery import skeleton_discovery

MAX_CONDITIONS = 2

x = numpy.loadtxt(sys.argv[1], delimiter=",")
test = CIT(x, "fisherz")
began = time.perf_counter()
graph = skeleton_discovery(x, 0.05, test, stable=True, show_progress=False, max_k=MAX_CONDITIONS).G.graph
print(time.perf_counter() - began)
print("causal-learn", importlib.metadata.version("causal-learn"))
for i, j in itertools.combinations(range(x.shape[1]), 2):
    if graph[i, j] != 0:
        print(i, j)
