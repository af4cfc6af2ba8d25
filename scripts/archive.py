#!/usr/bin/env python3
"""Measures the size of an archive of many captures, and the time of queries to it: docs/archive.md.

    scripts/archive.py target/release/automap [--captures 10000] [--keep DIR]

Simulates captures of 40 systems of eight services, adds them, and spreads the incidents over two years, as a watcher's would be. Prints one table.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time
from datetime import datetime, timedelta, timezone


def run(*args):
    """Runs automap; returns its output, how long it took and its peak memory in MiB."""
    begun = time.monotonic()
    done = subprocess.Popen([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = done.stdout.read()
    _, status, used = os.wait4(done.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {args}")
    return out, time.monotonic() - begun, used.ru_maxrss / 1024


def size_mib(folder):
    return sum(f.stat().st_size for f in folder.rglob("*.parquet")) / 2**20


def spread(lines, count):
    """The same incidents, opened at different times within two years; every third confirmed."""
    start, step = datetime(2025, 1, 1, tzinfo=timezone.utc), timedelta(days=730) / max(count, 1)
    for i, line in enumerate(lines):
        incident = json.loads(line)
        opened = start + i * step
        incident["id"] = f"{incident['target']}-{i}"
        for key, at in [("onset", opened), ("opened", opened), ("updated", opened), ("closed", opened + timedelta(minutes=4))]:
            incident[key] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        if i % 3 == 0 and incident["cause"]:
            incident["confirmed"] = incident["cause"]["service"]
        yield json.dumps(incident)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("automap", type=pathlib.Path)
    parser.add_argument("--captures", type=int, default=10_000)
    parser.add_argument("--keep", type=pathlib.Path, help="keep the archives here")
    options = parser.parse_args()
    automap = options.automap.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.keep or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        rows = []
        run(automap, "sim", work / "sim", "--incidents", options.captures, "--systems", 40, "--services", 8, "--minutes", 12, "--seed", 1)
        made, added_s, added_mib = 0, 0.0, 0.0
        for system in sorted(p for p in (work / "sim").iterdir() if p.is_dir()):
            files = sorted(system.glob("*.parquet"))
            _, seconds, mib = run(automap, "archive", "add", work / "captures", "--target", system.name, *files)
            made, added_s, added_mib = made + len(files), added_s + seconds, max(added_mib, mib)
        rows.append((f"diagnose and add {made:,} captures, one target at a time", added_s, added_mib))
        kept = sorted((work / "captures" / "incidents").rglob("*.parquet"))
        listed, _, _ = run(automap, "archive", "list", work / "captures", "-o", "json")
        listed = json.loads(listed)
        lines = work / "lines.jsonl"
        with lines.open("w") as out:
            shown = [run(automap, "archive", "show", work / "captures", row["id"], "-o", "json")[0] for row in listed[:: max(1, len(listed) // 400)]]
            # As many incidents as captures, from the diagnoses of a few hundred of them.
            documents = [json.dumps(json.loads(document)) for document in shown]
            for line in spread((documents[i % len(documents)] for i in range(options.captures)), options.captures):
                out.write(line + "\n")
        archive = work / "incidents"
        _, seconds, mib = run(automap, "archive", "add", archive, lines)
        rows.append((f"add {options.captures:,} incidents with their reports, two years of 40 targets", seconds, mib))
        every, _, _ = run(automap, "archive", "list", archive, "-o", "json")
        last = json.loads(every)[-1]["id"]
        for what, args in [
            ("list all", ["list", archive]),
            ("list those of the last 30 days", ["list", archive, "--from", "2026-12-01", "--to", "2027-01-01"]),
            ("history by month", ["history", archive]),
            ("five similar ones among all", ["similar", archive, last]),
        ]:
            _, seconds, mib = run(automap, "archive", *args)
            rows.append((what, seconds, mib))
        print(f"captures {size_mib(work / 'captures' / 'captures'):,.0f} MiB in {len(list((work / 'captures' / 'captures').rglob('*.parquet'))):,} files; "
              f"incidents {size_mib(archive / 'incidents'):.1f} MiB, evidence {size_mib(archive / 'evidence'):.1f} MiB in "
              f"{len(list(archive.rglob('*.parquet'))):,} files; {len(kept)} targets\n")
        print("| work | seconds | peak MiB |\n|---|--:|--:|")
        for what, seconds, mib in rows:
            print(f"| {what} | {seconds:.2f} | {mib:.0f} |")


if __name__ == "__main__":
    main()
