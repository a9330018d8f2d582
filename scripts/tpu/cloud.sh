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
    v2-8 | v3-8 | v4-8 | v5litepod-8 | v5p-8 | v6e-8) HOSTS=0 ;;
    v2-32 | v2-128 | v2-256 | v2-512 | v3-32 | v3-64 | v3-128 | v3-256 | v3-512 | v3-1024 | v3-2048) HOSTS=all ;;
    v4-16 | v4-32 | v4-64 | v4-128 | v4-256 | v4-512 | v4-1024 | v4-2048 | v4-4096) HOSTS=all ;;
    v5litepod-16 | v5litepod-32 | v5litepod-64 | v5litepod-128 | v5litepod-256) HOSTS=all ;;
    v5p-16 | v5p-32 | v5p-64 | v5p-128 | v5p-256 | v5p-512 | v5p-1024 | v5p-2048) HOSTS=all ;;
    v6e-*) fail "ACCELERATOR_TYPE=$ACCELERATOR_TYPE: must be v6e-8: TensorFlow's server for several hosts does not know v6e ('Slices of several hosts' in docs/tpu.md)" ;;
    *) fail "ACCELERATOR_TYPE=$ACCELERATOR_TYPE: must be v2-8, v3-8, v4-8, v5litepod-8, v5p-8, v6e-8 or a larger slice such as v3-32 ('Slices of several hosts' in docs/tpu.md)" ;;
  esac
  local pod='' image release=2.18
  [ "$HOSTS" != all ] || pod=-pod
  case $ACCELERATOR_TYPE in # electra_pretrain/tpu/generations.py has the same, docs/tpu.md what they rest on
    v5litepod-*) image=2.18.0$pod-pjrt-v5e-and-v6 ;;
    v5p-*) image=2.18.0$pod-pjrt-v5p-and-below ;;
    v6e-*) image=2.19.0$pod-pjrt release=2.20 ;;
    *) image=2.18.0$pod-se ;;
  esac
  RUNTIME_VERSION=${RUNTIME_VERSION:-tpu-vm-tf-$image}
  TENSORFLOW=${TENSORFLOW:-$release}
  # shellcheck disable=SC2034 # setup.sh reads it
  case $TENSORFLOW in
    2.18) REQUIREMENTS=requirements-tpu-2.18.txt ;;
    2.20) REQUIREMENTS=requirements-tpu.txt ;;
    *) fail "TENSORFLOW=$TENSORFLOW: must be 2.18 or 2.20, or empty for what goes with $ACCELERATOR_TYPE" ;;
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

# Run a command line on the VM, the first where the TPU has several; its exit code is ours, where the VM is reached.
on_vm() { tpu_vm ssh "$TPU_NAME" --quiet --worker=0 --command="$1" < /dev/null; }

# The same on all VMs of the TPU, which HOSTS names in gcloud's words: 0 (there is one only), or all.
on_each_vm() { tpu_vm ssh "$TPU_NAME" --quiet --worker="$HOSTS" --command="$1" < /dev/null; }

# One word: running, finished, failed (and the exit code), stopped; new on a VM that is not set up.
training_state() {
  on_vm 'if [ -x electra_pretrain/venv/bin/run_pretraining ]; then bash electra_pretrain/source/scripts/tpu/vm/training_state.sh; else echo new; fi'
}

check_settings
