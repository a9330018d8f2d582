#!/usr/bin/env bash
# Ask for the TPU. The request waits in Google's queue, for minutes or days, and costs nothing until it is granted.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '' "$@"
state=$(tpu_state) || fail "gcloud cannot tell whether $TPU_NAME exists; its message stands above"
[ "$state" = ABSENT ] || fail "$TPU_NAME exists already ($state); delete.sh removes it, TPU_NAME=… makes another"
flags=(--node-id="$TPU_NAME" --accelerator-type="$ACCELERATOR_TYPE" --runtime-version="$RUNTIME_VERSION")
[ "$SPOT" = no ] || flags+=(--spot)
# shellcheck disable=SC2206 # several flags in one setting are meant to be split
flags+=($CREATE_FLAGS)
queued_resources create "$TPU_NAME" "${flags[@]}"
say "asked for $ACCELERATOR_TYPE as $TPU_NAME in $ZONE; setup.sh waits for it"
