#!/usr/bin/env bash
# Stop training in good order: the trainer ends its loop and saves. The TPU stays, and costs. start.sh goes on.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '' "$@"
on_vm 'if systemctl is-active --quiet electra-pretrain; then sudo systemctl stop electra-pretrain; fi' ||
  fail "$TPU_NAME could not be reached; it may have been preempted (watch.sh)"
say "training on $TPU_NAME is stopped; the TPU costs until delete.sh"
