# One-line targets; continuous integration calls the same ones.
CARGO ?= cargo
AUTOMAP = target/release/automap

.PHONY: build test lint deny demo drill cluster bench image sbom check-deploy ci clean

build: ## the binary: target/release/automap
	$(CARGO) build --release --locked

test: ## every test
	scripts/need-prometheus.sh && scripts/need-alertmanager.sh && scripts/need-postgres.sh && $(CARGO) test --workspace --all-features --locked

lint: ## format and lints, warnings are errors
	$(CARGO) fmt --all --check && $(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings

deny: ## licences, duplicates and sources of the dependencies
	scripts/cargo-deny.sh check bans licenses sources

demo: build ## a local Sock Shop, a real Prometheus, a real fault, and the diagnosis (FAULT=path.yaml takes another)
	scripts/need-prometheus.sh && $(AUTOMAP) demo --live $(if $(FAULT),--fault $(FAULT))

drill: build ## every fault of the drill plan, live, and the score table
	scripts/need-prometheus.sh && $(AUTOMAP) drill

cluster: build ## Kubernetes, the shop with Envoy, faults and automap inside, on this machine: docs/cluster.md
	scripts/cluster/build.sh --all && scripts/need-deploy-tools.sh && scripts/cluster/run.sh

bench: ## time, requests and bytes of a diagnosis; time and memory of the AutoMAP engine, beside causal-learn's
	$(CARGO) bench --locked -p automap --bench diagnose --bench graph

image: ## a container image with the static program (ENGINE=podman takes another builder)
	$(or $(ENGINE),docker) build --tag automap:$$(sed -n '/^\[workspace.package\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml) .

sbom: ## what is linked into the program, as CycloneDX: target/automap.cdx.json
	scripts/sbom.sh target/automap.cdx.json

check-deploy: ## everything under deploy/
	scripts/need-deploy-tools.sh && scripts/check-deploy.sh

ci: ## what continuous integration runs
	.ci/run

clean: ## removes what the build made
	$(CARGO) clean
