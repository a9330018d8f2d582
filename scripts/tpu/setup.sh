#!/usr/bin/env bash
# Wait for the TPU, copy this checkout to its VM, or VMs, and install it there. Safe to repeat, also after a change of the code.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '' "$@"

wait_until_ready() {
  local state='' last=''
  while true; do
    state=$(tpu_state) || state="unknown to gcloud"
    [ "$state" = "$last" ] || say "$TPU_NAME is $state"
    last=$state
    case $state in
      READY) return ;;
      ABSENT) fail "there is no $TPU_NAME in $ZONE; run create.sh" ;;
      FAILED | SUSPENDED | PREEMPTED | TERMINATED | GONE)
        fail "$TPU_NAME will not become ready by itself; see 'Preempted, failed' in docs/tpu.md, or run delete.sh, then create.sh" ;;
    esac
    sleep "$POLL_SECONDS"
  done
}

wait_until_ready
if [ "$HOSTS" = all ] && [ "$(training_state)" = running ]; then # the other hosts cannot see that
  fail "training runs on $TPU_NAME; stop it first (stop.sh)"
fi
archive=$(mktemp -d)/electra_pretrain.tar.gz
trap 'rm -rf "$(dirname "$archive")"' EXIT
# What is installed, not what is committed: the VM need not reach a git host, and an edited file is what runs.
tar -czf "$archive" -C "$here/../.." --exclude=__pycache__ \
  LICENSE README.md pyproject.toml setup.py requirements-tpu.txt requirements-tpu-2.18.txt configs vocab electra_pretrain scripts/tpu
tpu_vm scp "$archive" "$TPU_NAME:electra_pretrain.tar.gz" --quiet --worker="$HOSTS"
on_each_vm "mkdir -p electra_pretrain/source && tar -xzf electra_pretrain.tar.gz -C electra_pretrain/source && bash electra_pretrain/source/scripts/tpu/vm/install.sh $HOSTS $REQUIREMENTS" ||
  fail "the installation on $TPU_NAME did not end well; its last lines stand above"
say "$TPU_NAME is set up; start.sh begins to train"
