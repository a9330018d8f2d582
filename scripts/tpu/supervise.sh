#!/usr/bin/env bash
# Keep a run going until it is finished, whatever happens to the TPU: ask for it, set it up, start training, look after it.
# A TPU that was taken away is deleted and asked for anew; training goes on from the last checkpoint in the bucket.
#   bash scripts/tpu/supervise.sh [--delete-at-end] --config base_v3.json --data gs://… --model_dir gs://…
# Runs on any machine that stays on. Ending it (Ctrl-C) leaves TPU and training as they are; started again, it goes on.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
MAX_FAILURES=${MAX_FAILURES:-12} # in a row; the pauses between them double, up to an hour
MAX_SILENT=${MAX_SILENT:-10}     # looks in a row at a VM that does not answer, though Google calls it ready

delete_at_end=no
if [ "${1:-}" = --delete-at-end ]; then
  delete_at_end=yes
  shift
fi
# shellcheck source=scripts/tpu/arguments.sh
. "$here/arguments.sh"

last=
say_once() {
  [ "$*" = "$last" ] || say "$*"
  last=$*
}

end() {
  say "$2"
  if [ "$delete_at_end" = yes ]; then
    on_vm 'tail -n 30 electra_pretrain/train.log' || true # it goes with the VM
    bash "$here/delete.sh" --yes || say "the TPU could not be deleted and costs on: run delete.sh"
  else
    say "a TPU costs until delete.sh"
  fi
  exit "$1"
}

# Something failed that may pass by itself: pause; give up when it happens too often in a row.
failures=0
stumble() {
  failures=$((failures + 1))
  [ "$failures" -le "$MAX_FAILURES" ] || end 1 "$1, $failures times in a row; giving up"
  local pause=$((POLL_SECONDS << (failures < 7 ? failures : 7)))
  say "$1; trying again in $((pause < 3600 ? pause : 3600)) seconds"
  sleep $((pause < 3600 ? pause : 3600))
}

delete_tpu() {
  say "$1; deleting it to ask anew"
  bash "$here/delete.sh" --yes || stumble "it could not be deleted"
}

started=no # until then, how an earlier training ended is not ours
begin() {
  local code=0
  if [ "$1" = new ]; then
    bash "$here/setup.sh" || { stumble "the set-up failed" && return; }
  fi
  shift
  bash "$here/start.sh" "$@" || code=$?
  case $code in
    0) started=yes ;;
    78) end 1 "training was refused; mend what is named above and run the same command again" ;;
    *) stumble "training could not be started" ;;
  esac
}

silent=0
look_after_training() {
  local training
  if ! training=$(training_state); then
    silent=$((silent + 1))
    say_once "the VM does not answer"
    if [ "$silent" -ge "$MAX_SILENT" ]; then
      silent=0
      delete_tpu "the VM did not answer $MAX_SILENT times in a row"
    fi
    return
  fi
  silent=0
  case $started:$training in
    *:running)
      say_once "training runs"
      started=yes
      failures=0
      ;;
    yes:finished) end 0 "training is finished" ;;
    yes:failed*) end 1 "training $training (exit code); its log says why: watch.sh" ;;
    *) begin "$training" "$@" ;;
  esac
}

while true; do
  state=$(tpu_state) || state=unknown
  case $state in
    READY) look_after_training "$@" ;;
    ABSENT) bash "$here/create.sh" || stumble "the TPU could not be asked for" ;;
    SUSPENDED | PREEMPTED | TERMINATED | GONE) delete_tpu "the TPU was taken away ($state)" ;;
    FAILED)
      reason=$(queued_resources describe "$TPU_NAME" --format='value(state.failedData.error.message)') || reason=
      bash "$here/delete.sh" --yes || true
      stumble "the request for a TPU failed (${reason:-Google names no reason})"
      ;;
    unknown) say_once "gcloud cannot tell the TPU's state; its message stands above" ;;
    *) say_once "the TPU is $state" ;;
  esac
  sleep "$POLL_SECONDS"
done
