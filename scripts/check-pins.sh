#!/usr/bin/env bash
# Lists every action, container image and base image of the repository that is not pinned by a digest: a tag can be moved to other code.
# Exits 1 if an action or a base image that we build from is neither pinned nor in the list below; images that only a demonstration runs are
# listed.
# `scripts/check-pins.sh --digests` queries the registry for the digests of the listed ones (needs docker and the network).
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# Not pinned yet, each with its reason. To pin one, add @sha256:… after the tag; this needs access to a registry.
known=(
  'rust:1.95-alpine'  # Dockerfile: the tag contains the compiler's version, and so does rust-toolchain.toml
  'node:22-alpine'    # Dockerfile: builds the page; its dependencies are locked with digests in web/package-lock.json
  'busybox:1.37'      # Helm's test: one wget, in a pod without rights
)

is_known() {
  local one
  for one in "${known[@]}"; do [ "$one" = "$1" ] && return; done
  return 1
}

failed=0
while IFS=: read -r file line action; do
  action=$(sed -E 's/.*uses:[[:space:]]*//; s/[[:space:]].*//' <<<"$action")
  case $action in ./*) continue ;; esac
  if ! [[ $action =~ @[0-9a-f]{40}$ ]]; then
    echo "FAILED   $file:$line: the action $action is not pinned by a commit"
    failed=1
  fi
done < <(grep -rnE '^[[:space:]-]*uses:' .github/workflows)

image() { # PLACE IMAGE
  case $2 in *@sha256:*) return ;; esac
  if is_known "$2"; then
    echo "unpinned $1: $2"
    if [ "${digests:-}" = 1 ]; then docker buildx imagetools inspect "$2" --format '{{.Manifest.Digest}}' | sed "s|^|         $2@|"; fi
  else
    echo "FAILED   $1: the image $2 is not pinned by a digest"
    failed=1
  fi
}
[ "${1:-}" = --digests ] && digests=1
while read -r base; do image Dockerfile "$base"; done < <(sed -nE 's/^FROM (--[^ ]+ )*([^ ]+).*/\2/p' Dockerfile | grep -v '^scratch$')
image deploy/helm/automap/values.yaml "$(sed -nE '/^test:/,/^[a-z]/s/^  image: *//p' deploy/helm/automap/values.yaml)"
demo=$(grep -rhoE 'image: *[^ {}]+:[^ {}]+' deploy/sock-shop deploy/istio | sort -u | grep -vc '@sha256:')
echo "note     $demo images of the demonstration shop are pinned by tags only"
exit "$failed"
