"""An archive of the command line is one table for the tools that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import CAPTURES, needed

#: Two systems, with one incident each.
SYSTEMS = {"shop": "delay-payment", "lab/eu": "cpu-carts-db"}


@pytest.fixture
def archive(command_line: Any, tmp_path: Path) -> Path:
    for target, capture in SYSTEMS.items():
        command_line("archive", "add", tmp_path, "--target", target, CAPTURES / f"{capture}.parquet")
    return tmp_path


def test_pandas_reads_it_as_one_table(archive: Path) -> None:
    incidents = needed("pandas").read_parquet(archive / "incidents")
    assert sorted(zip(incidents["target"], incidents["cause"])) == [("lab/eu", "carts-db"), ("shop", "payment")]
    assert str(incidents["opened"].dtype).endswith("UTC]")


def test_polars_reads_it_as_one_table(archive: Path) -> None:
    incidents = needed("polars").read_parquet(archive / "incidents/**/*.parquet", hive_partitioning=True)
    assert sorted(incidents["cause"]) == ["carts-db", "payment"]


def test_duckdb_joins_incidents_and_evidence(archive: Path) -> None:
    query = f"""
        select i.target, i.cause, e.metric
        from '{archive}/incidents/**/*.parquet' i join '{archive}/evidence/**/*.parquet' e using (id)
        where e.rank = 1 and e.service = 'carts-db' and e.metric like 'cpu%'"""
    rows = needed("duckdb").sql(query).fetchall()
    assert ("lab/eu", "carts-db", "cpu_cores") in rows


def test_clickhouse_counts_it(archive: Path) -> None:
    query = f"select cause, count() from file('{archive}/incidents/*/*/*.parquet') group by cause order by cause"
    answer = str(needed("chdb").query(query, "CSV"))
    assert answer.split() == ['"carts-db",1', '"payment",1']
