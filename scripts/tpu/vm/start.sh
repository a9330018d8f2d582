#!/usr/bin/env bash
# On the VM: run_pretraining --preflight, then training as a service of the system, which outlives the session:
#   start.sh TOPOLOGY local|hosts ARGUMENT…
# local: this machine's TPU. hosts: that of all machines of the slice, each of which serves its chips (serve.sh).
# A service rather than tmux or nohup: when the VM is shut down, systemd sends it SIGTERM and waits, so that the trainer saves.
set -euo pipefail
cd "$HOME"
folder=$HOME/electra_pretrain
vm=$folder/source/scripts/tpu/vm
topology=$1
tpu=$2
shift 2
if [ "$tpu" = hosts ]; then
  # Each machine of a slice knows the others: NAME:PORT:ADDRESS,… as TensorFlow's start_grpc_tpu_worker reads it too.
  tpu=$(curl -sSf -H 'Metadata-Flavor: Google' \
    http://metadata.google.internal/computeMetadata/v1/instance/attributes/worker-network-endpoints |
    awk -F: -v RS=, '{ sub(/\n/, "", $3); printf "%sgrpc://%s:8470", separator, $3; separator = "," }')
fi
rm -f "$folder/outcome"
command=("$folder/venv/bin/run_pretraining" "$@" --tpu "$tpu")
code=0
"${command[@]}" --preflight --topology "$topology" || code=$?
case $code in
  0) ;;
  1 | 2) exit 78 ;; # a mistake that the user must mend; gcloud itself ends with 1 when it cannot reach the VM
  *) exit "$code" ;;
esac
# A file, as systemd would put its own meaning on a $ or a % among the arguments.
printf 'exec%s\n' "$(printf ' %q' "${command[@]}")" > "$folder/command.sh"
touch "$folder/train.log" # else it would be root's
# mixed: SIGTERM goes to keep_training.sh, which hands it on. continue: a command killed for memory is started again.
sudo systemd-run --quiet --collect --unit=electra-pretrain --uid="$(id -u)" --working-directory="$HOME" \
  --property=KillMode=mixed --property=TimeoutStopSec=900 --property=OOMPolicy=continue \
  --property="StandardOutput=append:$folder/train.log" --property="StandardError=append:$folder/train.log" \
  /bin/bash "$vm/keep_training.sh" "$folder/outcome" /bin/bash "$folder/command.sh"
