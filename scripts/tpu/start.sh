#!/usr/bin/env bash
# Check everything (run_pretraining --preflight), then train on the VM, where it goes on without this machine:
#   bash scripts/tpu/start.sh --config base_v3.json --data gs://bucket/data --model_dir gs://bucket/runs/base_v3
# Arguments are run_pretraining's; --tpu is added. A --config that is a file here is copied to the VM.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
# shellcheck source=scripts/tpu/arguments.sh
. "$here/arguments.sh"
state=$(tpu_state) || fail "gcloud cannot tell the state of $TPU_NAME; its message stands above"
[ "$state" = READY ] || fail "$TPU_NAME is $state; setup.sh waits for it and prepares it"
training=$(training_state) || fail "$TPU_NAME cannot be reached; try again in a minute"
case $training in
  running) fail "training runs already; watch.sh shows it, stop.sh stops it" ;;
  new) fail "$TPU_NAME is not set up; run setup.sh" ;;
esac

arguments=()
option=
for word in "$@"; do
  case $word in
    --config=*) arguments+=(--config) && option=--config word=${word#*=} ;;
    --*) option=$word ;;
  esac
  if [ "$option" = --config ] && [ -f "$word" ]; then
    tpu_vm scp "$word" "$TPU_NAME:electra_pretrain/config.json" --quiet --worker=0
    word=electra_pretrain/config.json # seen from the home folder, where training runs
  fi
  arguments+=("$word")
done
tpu=local
if [ "$HOSTS" = all ]; then
  tpu=hosts
  on_each_vm 'bash electra_pretrain/source/scripts/tpu/vm/serve.sh' || fail "not every host of $TPU_NAME serves its chips; the reason stands above"
fi
topology=${ACCELERATOR_TYPE/litepod/e} # as run_pretraining and tpu_check call it
code=0
on_vm "bash electra_pretrain/source/scripts/tpu/vm/start.sh $topology $tpu $(printf '%q ' "${arguments[@]}")" || code=$?
case $code in
  0) ;;
  78) fail "the check before training refused; it says above what to mend" 78 ;;
  *) fail "training was not started (exit code $code); the reason stands above" ;;
esac
say "training runs on $TPU_NAME; watch.sh shows it"
