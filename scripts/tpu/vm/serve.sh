#!/usr/bin/env bash
# On each host of a slice of several: serve this host's chips to the trainer, which runs on the first. The server is TensorFlow's
# own (port 8470), from the same package as the trainer's TensorFlow, as both must be of one version. Begun anew at each start.
set -euo pipefail
folder=$HOME/electra_pretrain
for unit in tpu-runtime electra-tpu-host; do # an image may have a server of its own, which would hold chips and port
  if systemctl is-active --quiet "$unit"; then sudo systemctl stop "$unit"; fi
done
touch "$folder/serve.log" # else it would be root's
# What the TPU's generation asks of TensorFlow's environment (PJRT, from v5e on), which this server does not set itself.
settings=$("$folder/venv/bin/python" -m electra_pretrain.tpu.local < /dev/null)
# The file holds what Google's own service for this server reads; the dash: where there is one. env comes after it, and wins.
# shellcheck disable=SC2086 # one word a line
sudo systemd-run --quiet --collect --unit=electra-tpu-host --uid="$(id -u)" --working-directory="$HOME" \
  --property=Restart=always --property=RestartSec=10 --property=LimitMEMLOCK=infinity \
  --property=EnvironmentFile=-/home/tpu-runtime/tpu-env \
  --property="StandardOutput=append:$folder/serve.log" --property="StandardError=append:$folder/serve.log" \
  /usr/bin/env $settings "$folder/venv/bin/start_grpc_tpu_worker"
