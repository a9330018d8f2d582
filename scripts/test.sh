#!/usr/bin/env bash
# Install what tests need into a virtual environment; then lint, types and tests, as CI runs them.
# VENV names the environment (default .venv); arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
[ -x "$bin/python" ] || python3 -m venv "${VENV:-.venv}"
"$bin/python" -m pip install --quiet -e '.[test,tpu-check,dask]'
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
# A process a core, four at most: each holds TensorFlow. A file stays in one, with what its tests share.
"$bin/python" -m pytest -n auto --maxprocesses 4 --dist loadfile "$@"
