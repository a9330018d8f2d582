#!/usr/bin/env bash
# Check this folder's training step on this machine's GPU, time it beside torch's, print one JSON line; arguments go to run_both.py.
# PYTHON names the interpreter that has jax and torch (default python3).
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/run_both.py" "$@"
