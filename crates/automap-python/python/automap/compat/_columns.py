"""Which columns of a table an answer means, where other packages rank columns and automap ranks services."""

from __future__ import annotations

from typing import Iterable

from .. import _automap


def ranked_columns(columns: Iterable[str], services: list[str], metrics: list[tuple[str, str]]) -> list[str]:
    """The columns of the services that are ranked, most likely cause first.

    ``metrics`` are ``(service, indicator)`` pairs in order; ``latency`` is all percentiles of it. Columns that no pair means come
    last among those of their service's rank.
    """
    by_pair: dict[tuple[str, str], list[str]] = {}
    by_service: dict[str, list[str]] = {}
    for column in columns:
        service, _, metric = column.partition("_")
        by_pair.setdefault((service, _automap.indicator(metric)), []).append(column)
        by_service.setdefault(service, []).append(column)
    meant = [column for pair in metrics for column in by_pair.get(pair, [])]
    rest = [column for service in services for column in by_service.get(service, [])]
    return list(dict.fromkeys([*meant, *rest]))
