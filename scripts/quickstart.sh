#!/usr/bin/env bash
# Install the package into a virtual environment and walk the whole road once, on the sample corpus.
# VENV names the environment (default .venv); arguments go to the quickstart command.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(pwd)/${VENV:-.venv}/bin/python
case "${VENV:-}" in /*) python=$VENV/bin/python ;; esac
[ -x "$python" ] || python3 -m venv "${VENV:-.venv}"
"$python" -m pip install --quiet .
# From a folder of its own, so that the installed package runs and not the checkout.
mkdir -p quickstart-output
cd quickstart-output
"$python" -m electra_pretrain.quickstart --output . "$@"
