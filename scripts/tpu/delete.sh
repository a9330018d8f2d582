#!/usr/bin/env bash
# Stop training in good order, then delete the TPU, its VM and its request. Asks first; --yes does not.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '--yes' "$@"
state=$(tpu_state) || fail "gcloud cannot tell the state of $TPU_NAME; its message stands above"
if [ "$state" = ABSENT ]; then
  say "there is no $TPU_NAME in $ZONE"
  exit 0
fi
if [ "${1:-}" != --yes ]; then
  printf 'Delete the TPU %s in %s (%s) and everything on its VM? [y/N] ' "$TPU_NAME" "$ZONE" "$state"
  read -r answer || answer=
  [[ $answer == [yY]* ]] || fail "nothing was deleted"
fi
if [ "$state" = READY ]; then
  bash "$here/stop.sh" || say "steps since the last checkpoint are lost"
fi
queued_resources delete "$TPU_NAME" --force --quiet
say "$TPU_NAME is deleted and costs no more; what lies in ${BUCKET:-your bucket} does: gcloud storage rm --recursive FOLDER"
