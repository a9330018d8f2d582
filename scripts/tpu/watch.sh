#!/usr/bin/env bash
# Show the TPU's state, the training's, and its log as it grows (Ctrl-C ends the looking, not the training). --once: no more than now.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '--once' "$@"
follow=-F
[ "${1:-}" != --once ] || follow=
state=$(tpu_state) || fail "gcloud cannot tell the state of $TPU_NAME; its message stands above"
say "TPU $TPU_NAME: $state"
[ "$state" = READY ] || exit 0
training=$(training_state) || fail "$TPU_NAME cannot be reached; try again in a minute"
say "training: $training"
[ "$training" = new ] || on_vm "tail -n 30 $follow electra_pretrain/train.log"
