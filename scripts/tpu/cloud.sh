# What the scripts in this folder ask of Google Cloud; sourced by each of them. Checks the settings first.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=$(basename "$0" .sh)
# The comment at the top of each script is its help.
case ${1:-} in
  -h | --help)
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
    exit 0
    ;;
esac
# shellcheck source=scripts/tpu/settings.sh
. "$here/settings.sh"

POLL_SECONDS=${POLL_SECONDS:-60} # between two looks at a state that changes by itself

say() { printf '%s %s: %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$name" "$*"; }

# fail MESSAGE [EXIT CODE]
fail() {
  printf '%s: error: %s\n' "$name" "$1" >&2
  exit "${2:-1}"
}

# known_arguments "WORD…" "$@": refuse an argument that is not among the words.
known_arguments() {
  local words=" $1 " argument
  shift
  for argument in "$@"; do
    [[ $words == *" $argument "* ]] || fail "$argument: unknown argument; --help tells what $name.sh takes"
  done
}

check_settings() {
  local setting
  for setting in PROJECT_ID ZONE TPU_NAME ACCELERATOR_TYPE; do
    [ -n "${!setting}" ] || fail "$setting is not set; set it in scripts/tpu/settings.sh or in the environment"
  done
  [[ $ZONE =~ ^[a-z]+-[a-z]+[0-9]+-[a-z0-9]+$ ]] || fail "ZONE=$ZONE: must be a zone such as europe-west4-a (a region and a letter)"
  case $SPOT in yes | no) ;; *) fail "SPOT=$SPOT: must be yes or no" ;; esac
  case $ACCELERATOR_TYPE in
    v2-8 | v3-8 | v4-8) RUNTIME_VERSION=${RUNTIME_VERSION:-tpu-ubuntu2204-base} ;;
    v5litepod-8) RUNTIME_VERSION=${RUNTIME_VERSION:-v2-alpha-tpuv5-lite} ;;
    v5p-8) RUNTIME_VERSION=${RUNTIME_VERSION:-v2-alpha-tpuv5} ;;
    v6e-8) RUNTIME_VERSION=${RUNTIME_VERSION:-v2-alpha-tpuv6e} ;;
    *) fail "ACCELERATOR_TYPE=$ACCELERATOR_TYPE: must be v2-8, v3-8, v4-8, v5litepod-8, v5p-8 or v6e-8: the trainer uses one host's TPU" ;;
  esac
  command -v gcloud > /dev/null || fail "gcloud is not installed; see https://cloud.google.com/sdk/docs/install"
}

queued_resources() { gcloud compute tpus queued-resources "$@" --project="$PROJECT_ID" --zone="$ZONE"; }

tpu_vm() { gcloud compute tpus tpu-vm "$@" --project="$PROJECT_ID" --zone="$ZONE"; }

# The state of what has our name in a list of NAME and STATE; nothing where it is not listed.
own_state() { awk -v own="$TPU_NAME" '$1 == own { print $2 }'; }

# One word: ABSENT; the queued resource's state until it is ACTIVE, then the TPU's own (READY, PREEMPTED, …); GONE
# where the queued resource outlived its TPU. Fails where gcloud cannot tell.
tpu_state() {
  local listed state
  listed=$(queued_resources list --format='value(name.basename(),state.state)') || return
  state=$(own_state <<< "$listed")
  if [ "$state" = ACTIVE ]; then
    listed=$(tpu_vm list --format='value(name.basename(),state)') || return
    state=$(own_state <<< "$listed")
    state=${state:-GONE}
  fi
  echo "${state:-ABSENT}"
}

# Run a command line on the VM; its exit code is ours, where the VM is reached.
on_vm() { tpu_vm ssh "$TPU_NAME" --quiet --worker=0 --command="$1" < /dev/null; }

# One word: running, finished, failed (and the exit code), stopped; new on a VM that is not set up.
training_state() {
  on_vm 'if [ -x electra_pretrain/venv/bin/run_pretraining ]; then bash electra_pretrain/source/scripts/tpu/vm/training_state.sh; else echo new; fi'
}

check_settings
