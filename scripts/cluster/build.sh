#!/usr/bin/env bash
# Builds Kubernetes from Debian's source package, with Debian's Go: some 15 minutes of one processor, once. Prints where the programs are.
#
#   build.sh              the API server, and etcd from its package
#   build.sh --all        also controller manager, scheduler, kubelet and proxy
set -euo pipefail

cache=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}
programs=kube-apiserver
[ "${1:-}" = --all ] && programs='kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy'
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

missing=
for program in $programs; do [ -x "$cache/bin/$program" ] || missing="$missing cmd/$program"; done
if [ -z "$missing" ] && command -v etcd >/dev/null; then echo "$cache/bin"; exit 0; fi
command -v apt-get >/dev/null || { echo "error: this needs Debian's packages; elsewhere put $programs and etcd on the PATH" >&2; exit 77; }

echo "installing etcd and Go, building$missing into $cache/bin" >&2
as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
  golang-go golang-github-modern-go-reflect2-dev etcd-server etcd-client dpkg-dev rsync openssl curl >/dev/null
mkdir -p "$cache/bin" "$cache/src/apt/"{parts,lists/partial,cache/archives/partial}
cd "$cache/src"
# Sources of the same release, with lists of our own: the machine's stay as they are.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  if [ -f "$file" ]; then sed -n 's/^deb /deb-src /p' "$file" >>apt/parts/source.list; fi
done
for file in /etc/apt/sources.list.d/*.sources; do
  if [ -f "$file" ]; then sed 's/^Types:.*/Types: deb-src/' "$file" >"apt/parts/$(basename "$file")"; fi
done
apt=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$PWD/apt/parts" -o "Dir::State::lists=$PWD/apt/lists" -o "Dir::Cache=$PWD/apt/cache")
if ! ls -d kubernetes-*/ >/dev/null 2>&1; then
  apt-get "${apt[@]}" update -qq
  apt-get "${apt[@]}" source -qq kubernetes
fi
cd kubernetes-*/
version=$(dpkg-parsechangelog -S Version | sed 's/[-+].*//')
export GOPATH=$PWD/.go GOCACHE=$PWD/.gocache CGO_ENABLED=0 HOME=$PWD/.home
export KUBE_GIT_VERSION=v$version KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=clean
export KUBE_GIT_MAJOR=${version%%.*}
KUBE_GIT_MINOR=$(echo "$version" | cut -d. -f2)
export KUBE_GIT_MINOR
mkdir -p .go/src/k8s.io "$HOME"
[ -L .go/src/k8s.io/kubernetes ] || ln -s ../../.. .go/src/k8s.io/kubernetes
# The reflect2 of 2018 that this version of Kubernetes carries corrupts memory under Go 1.18 and later.
rm -f vendor/github.com/modern-go/reflect2/*.{go,s}
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} vendor/github.com/modern-go/reflect2/
make WHAT="$missing" >&2
for program in $missing; do cp "_output/local/bin/linux/$(go env GOARCH)/$(basename "$program")" "$cache/bin/"; done
echo "$cache/bin"
