"""automap names the service that caused an incident, with the evidence, from its metrics.

>>> import automap
>>> report = automap.diagnose(automap.demo())
>>> report.verdict.service, report.verdict.mechanism
('payment', 'network')
"""

from ._automap import __version__
from ._diagnose import capture, demo, diagnose, read_capture
from ._errors import AutomapError
from ._evaluation import Simulated, evaluate, simulate
from ._frame import Frame
from ._graph import graph
from ._observation import Observation
from ._report import Explanation, Picture, Report, Verdict
from ._statistics import CorrelationResult, PcResult, partial_corr, pc, walk

__all__ = [
    "AutomapError",
    "CorrelationResult",
    "Explanation",
    "Frame",
    "Observation",
    "PcResult",
    "Picture",
    "Report",
    "Simulated",
    "Verdict",
    "__version__",
    "capture",
    "demo",
    "diagnose",
    "evaluate",
    "graph",
    "partial_corr",
    "pc",
    "read_capture",
    "simulate",
    "walk",
]
