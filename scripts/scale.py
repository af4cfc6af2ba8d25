#!/usr/bin/env python3
"""Diagnoses incidents in fleets of thousands of services on a real Prometheus or VictoriaMetrics, and prints what each diagnosis cost and whether it was right.

    scale.py AUTOMAP [--services 10000] [--incidents 3] [--servers prometheus,victoriametrics] [--recorded] [--dir target/scale]

A fleet is made of simulated systems of 100 services (`automap sim`), each in a namespace of its own: one with a fault, all others copies of a few calm ones with names
of their own. Histograms' buckets are left out, and samples are 15 s apart. With --recorded the sums of deploy/prometheus/fleet.rules.yaml stand in
the place of the side-cars' counters, except in the system with the fault, and of those the requests that are served stay: all counters of 100,000 services do not fit a machine of this size.

Each incident is diagnosed twice, with nothing known of its start: in the whole fleet (`-n 'fleet-*'`), of which the server picks the services to look at, and in the
namespace of the fault alone, of which everything is fetched. `loses` says whether the second one names what the first one does not.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SYSTEM = 100
"""Services of a system."""
CALM = 4
"""Systems without a fault; the others are copies of them."""
FROM, TO = "2025-11-24T00:00:00Z", "2025-11-24T00:20:00Z"
SCRAPE_S = 15
RULES = {"requests": "istio_requests_total", "request_milliseconds": "istio_request_duration_milliseconds_sum"}
MAX_NAMESPACES = 100
"""Maximum number of namespaces of one observation."""


def simulate(automap: str, seed: int, incident: int) -> tuple[str, str]:
    """The samples of an incident, and what was injected."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        options = ["--services", str(SYSTEM), "--systems", "40", "--incidents", "200", "--seed", str(seed), "--scrape-s", str(SCRAPE_S)]
        made = subprocess.run(
            [automap, "sim", "--openmetrics", file.name, "--force", "--incident", str(incident), *options],
            check=True, capture_output=True, text=True,
        )
        return Path(file.name).read_text(), made.stderr.splitlines()[0]


class Template:
    """The samples of a system, to be copied under other names."""

    def __init__(self, text: str) -> None:
        lines = [line for line in text.splitlines() if not line.startswith("#") and "_bucket{" not in line]
        text = "\n".join(lines) + "\n"
        names = set(re.findall(r'destination_workload="([^"]+)"', text)) | set(re.findall(r'node="([^"]+)"', text))
        text = re.sub(f'"(?=(?:{"|".join(map(re.escape, sorted(names)))})[-"])', '"\x00', text)
        self.text = text.replace('namespace="sim"', 'namespace="\x01"').replace('"10.0.0.', '"\x02.')
        self.series = len({line.rsplit(" ", 2)[0] for line in lines})

    def copy(self, system: int, namespace: str) -> str:
        network = f"10.{system // 256}.{system % 256}"
        return self.text.replace("\x00", f"f{system}-").replace("\x01", namespace).replace("\x02", network)

    def recorded(self) -> "Template":
        """The series of the recording rules: sums of rates by workload, every 30 s."""
        out = Template.__new__(Template)
        sums: dict[tuple[str, str], dict[float, dict[str, float]]] = {}
        last: dict[str, list[tuple[float, float]]] = {}
        for line in self.text.splitlines():
            if 'reporter="destination"' not in line:
                continue
            metric = line.split("{", 1)[0]
            kinds = [kind for kind, name in RULES.items() if name == metric]
            if not kinds:
                continue
            if kinds == ["requests"] and 'response_code="503"' in line:
                kinds.append("failed_requests")
            series, value, at = line.rsplit(" ", 2)
            points = last.setdefault(series, [])
            points.append((float(at), float(value)))
            if len(points) > 5:
                points.pop(0)
            (start, before), (end, now) = points[0], points[-1]
            if end == start:
                continue
            workload = re.search(r'destination_workload="([^"]+)"', line)[1]
            rate = max(now - before, 0.0) / (end - start)
            for kind in kinds:
                slot = round(float(at) / 30) * 30.0
                # A series counts once in each half minute.
                sums.setdefault((kind, workload), {}).setdefault(slot, {})[series] = rate
        lines = [line for line in self.text.splitlines() if line.startswith("istio_requests_total") and 'reporter="destination"' in line]
        for (kind, workload), of in sums.items():
            labels = f'destination_workload="{workload}",destination_workload_namespace="\x01"'
            lines += [f"automap:workload_{kind}:rate1m{{{labels}}} {sum(rates.values())} {at}" for at, rates in of.items()]
        out.text = "\n".join(lines) + "\n"
        out.series = len(sums) + len({line.rsplit(" ", 2)[0] for line in lines if line.startswith("istio")})
        return out


class Counting(http.server.BaseHTTPRequestHandler):
    """Forwards requests to a server, and counts them and the transferred bytes of their answers."""

    protocol_version = "HTTP/1.1"
    upstream = 0
    requests, bytes, slowest_s = 0, 0, 0.0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        began = time.monotonic()
        upstream = http.client.HTTPConnection("127.0.0.1", Counting.upstream, timeout=600)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        Counting.requests += 1
        Counting.bytes += len(data)
        Counting.slowest_s = max(Counting.slowest_s, time.monotonic() - began)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


class Proxy(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that ends closes the connection; its diagnosis reports all other errors."""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port: int, path: str) -> None:
    for _ in range(1200):
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", path)
            if asked.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit("error: the server did not start within ten minutes")


class Prometheus:
    """Blocks created by promtool, a part of the fleet at a time."""

    def __init__(self, dir: Path) -> None:
        self.dir, self.part = dir, 0
        shutil.rmtree(dir, ignore_errors=True)
        dir.mkdir(parents=True)

    def load(self, text: str) -> None:
        file = self.dir / "part.txt"
        file.write_text(text + "# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(file), str(self.dir / "data")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        file.unlink()

    def start(self) -> subprocess.Popen:
        port = free_port()
        config = self.dir / "prometheus.yml"
        config.write_text("global: {scrape_interval: 15s}\n")
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.dir / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
                   "--storage.tsdb.retention.time=20y", "--log.level=error", "--query.timeout=10m"]
        server = subprocess.Popen(command, stderr=open(self.dir / "log", "w"))
        wait_for(port, "/-/ready")
        Counting.upstream = port
        return server


class VictoriaMetrics:
    """Samples over its import, with times in milliseconds."""

    def __init__(self, dir: Path) -> None:
        self.dir = dir
        shutil.rmtree(dir, ignore_errors=True)
        dir.mkdir(parents=True)
        self.port = free_port()
        program = os.environ.get("VICTORIA_METRICS", "victoria-metrics")
        command = [program, f"-httpListenAddr=127.0.0.1:{self.port}", f"-storageDataPath={dir / 'data'}", "-retentionPeriod=20y",
                   "-search.latencyOffset=0s", "-search.maxQueryDuration=10m"]
        self.server = subprocess.Popen(command, stderr=open(dir / "log", "w"))
        wait_for(self.port, "/health")

    def load(self, text: str) -> None:
        body = re.sub(r" (\d+)(?:\.(\d+))?$", lambda m: f" {m[1]}{(m[2] or '').ljust(3, '0')[:3]}", text, flags=re.M)
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        asked.request("POST", "/api/v1/import/prometheus", body.encode())
        if asked.getresponse().status != 204:
            sys.exit("error: VictoriaMetrics did not take the samples")

    def start(self) -> subprocess.Popen:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        asked.request("GET", "/internal/force_flush")
        asked.getresponse()
        Counting.upstream = self.port
        return self.server


SERVERS = {"prometheus": Prometheus, "victoriametrics": VictoriaMetrics}


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def diagnose(automap: str, proxy: int, server: subprocess.Popen, namespace: str) -> dict:
    """A diagnosis as its user would run it, and what it cost."""
    Counting.requests, Counting.bytes, Counting.slowest_s = 0, 0, 0.0
    before, began = processor_s(server.pid), time.monotonic()
    command = [automap, "diagnose", "--prometheus", f"http://127.0.0.1:{proxy}", "-n", namespace, "--scrape-interval", f"{SCRAPE_S}s",
               "--from", FROM, "--to", TO, "-o", "json", "--timeout", "300s"]
    with tempfile.TemporaryFile("w+") as out_file, tempfile.TemporaryFile("w+") as err_file:
        process = subprocess.Popen(command, stdout=out_file, stderr=err_file)
        peak = 0.0
        # The kernel's figure for a child that has ended includes the memory that this process held when it began.
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(0.02)
        out_file.seek(0), err_file.seek(0)
        out, err = out_file.read(), err_file.read()
    cost = {"peak_mib": peak, "requests": Counting.requests, "mib": Counting.bytes / 2**20, "wall_s": time.monotonic() - began,
            "server_s": processor_s(server.pid) - before, "slowest_s": Counting.slowest_s}
    if not out.startswith("{"):
        sys.exit(f"error: {namespace}: {err.strip()}")
    return {"report": json.loads(out), **cost}


def named(report: dict) -> str:
    return report["verdict"].get("service") or report["verdict"]["kind"]


def incidents(automap: str, wanted: int) -> list[tuple[str, Template]]:
    """Incidents with a fault, by what was injected: of each kind one, then of each another one."""
    found: list[tuple[str, Template]] = []
    kinds: dict[str, int] = {}
    for number in range(1, 200):
        if len(found) == wanted:
            break
        text, told = simulate(automap, 101, number)
        kind = told.split(" at ")[0]
        if "nothing" not in told and kinds.get(kind, 0) <= len(found) // 12:
            kinds[kind] = kinds.get(kind, 0) + 1
            found.append((re.sub(r"injected: | from \S+?Z", "", told), Template(text)))
    return found


def calm(automap: str) -> list[Template]:
    found = []
    for number in range(1, 200):
        if len(found) == CALM:
            break
        text, told = simulate(automap, 102, number)
        if "nothing" in told:
            found.append(Template(text))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("automap")
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--incidents", type=int, default=3)
    parser.add_argument("--servers", default="prometheus")
    parser.add_argument("--recorded", action="store_true")
    parser.add_argument("--dir", type=Path, default=Path("target/scale"))
    options = parser.parse_args()

    proxy = Proxy(("127.0.0.1", 0), Counting)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    systems = options.services // SYSTEM
    namespaces = [f"fleet-{min(i * MAX_NAMESPACES // systems, i):03}" for i in range(systems)]
    others, faults = calm(options.automap), incidents(options.automap, options.incidents)
    if options.recorded:
        others = [other.recorded() for other in others]
    print(f"{systems * SYSTEM} services in {len(set(namespaces))} namespaces, {'recorded sums' if options.recorded else 'counters of side-cars'}, "
          f"some {sum(others[i % CALM].series for i in range(systems)):,} series; the fault is in fleet-000\n")
    print("| server | incident | asked | requests | MiB | time | server's processor | slowest request | peak of automap | names | loses |")
    print("|---|---|---|--:|--:|--:|--:|--:|--:|---|---|")
    for kind in options.servers.split(","):
        for told, fault in faults:
            database = SERVERS[kind](options.dir / kind)
            at_once = 100 if options.recorded else 10
            for first in range(0, systems, at_once):
                part = [(i, others[i % CALM] if i else fault) for i in range(first, min(first + at_once, systems))]
                text = "".join(template.copy(i, namespaces[i]) for i, template in part)
                if options.recorded and first == 0:
                    sums = fault.recorded().copy(0, namespaces[0]).splitlines(keepends=True)
                    text += "".join(line for line in sums if not line.startswith("istio"))
                database.load(text)
            server = database.start()
            try:
                alone = diagnose(options.automap, proxy.server_port, server, namespaces[0])
                fleet = diagnose(options.automap, proxy.server_port, server, "fleet-*")
                of_alone, of_fleet = named(alone["report"]), named(fleet["report"])
                loses = "" if of_fleet.removeprefix(f"{namespaces[0]}/") == of_alone or alone["report"]["verdict"].get("service") is None else "yes"
                for asked, cost, name, lost in [("all of one namespace", alone, of_alone, ""), ("the fleet", fleet, of_fleet, loses)]:
                    print(f"| {kind} | {told} | {asked} | {cost['requests']} | {cost['mib']:.1f} | {cost['wall_s']:.1f} s | {cost['server_s']:.1f} s | "
                          f"{cost['slowest_s']:.1f} s | {cost['peak_mib']:.0f} MiB | {name} | {lost} |", flush=True)
            finally:
                server.terminate()
                server.wait()
            shutil.rmtree(options.dir / kind)


if __name__ == "__main__":
    main()
