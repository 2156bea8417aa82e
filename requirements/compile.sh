#!/bin/sh
# Pins every dependency by hash, for every platform, naming no package host. Needs uv.
set -eu
cd "$(dirname "$0")/.."
pin() {
    output=$1
    shift
    uv pip compile pyproject.toml "$@" --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-header --universal --python-version 3.11 --quiet -o "requirements/$output"
}
pin run.txt
pin dev.txt --all-extras --group dev --group build
