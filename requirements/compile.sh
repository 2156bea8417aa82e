#!/bin/sh
# Pins every dependency by hash, for every platform, naming no package host. Needs uv.
# dev.txt comes first and holds the others to the same versions; build.txt is what builds the package,
# live.txt what talks to venues, servers.txt, chdb.txt and cluster.txt what the targets of their names add.
set -eu
cd "$(dirname "$0")/.."
pin() {
    output=$1
    shift
    uv pip compile "$@" --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-header --universal --python-version 3.11 --quiet -o "requirements/$output"
}
pin dev.txt pyproject.toml --all-extras --group dev --group build
pin run.txt pyproject.toml --constraint requirements/dev.txt
pin build.txt --group build --constraint requirements/dev.txt
pin live.txt pyproject.toml --extra live --extra fast --constraint requirements/dev.txt
for extra in servers chdb cluster; do
    pin "$extra.txt" pyproject.toml --extra "$extra" --constraint requirements/dev.txt
done
# freqtrade pins its own ccxt, pandas and TA-Lib: held to nothing of ours
pin judge.txt --group judge
