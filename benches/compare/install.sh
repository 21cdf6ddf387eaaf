#!/bin/sh
# Installs the peers that run.py compares slowpath with.
#
#   benches/compare/install.sh [apt] [pip] [cargo]     (nothing named: all three)
#
# System packages need root. Everything else stays in this folder: a Python
# environment in .venv and programs in .tools, both ignored by git. Versions are
# not pinned, as a comparison should be with what people get today; run.py
# prints what it found. It does not install alp, which is in no package
# registry but Go's: with Go at hand, `go install github.com/tkuchiki/alp/cmd/alp@latest`.
set -eu
cd "$(dirname "$0")"

install_apt() {
    apt-get update
    apt-get install --yes --no-install-recommends ripgrep goaccess lnav mawk python3-venv
}

install_pip() {
    python3 -m venv .venv
    .venv/bin/pip install --quiet --upgrade duckdb chdb
}

install_cargo() {
    # angle-grinder's crate is called ag, its program agrind.
    cargo install --locked --root .tools ag
}

[ $# -gt 0 ] || set -- apt pip cargo
for kind; do
    case $kind in
        apt | pip | cargo) "install_$kind" ;;
        *) echo "install.sh: '$kind' is none of apt, pip, cargo" >&2; exit 2 ;;
    esac
done
