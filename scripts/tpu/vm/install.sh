#!/usr/bin/env bash
# On the VM: install TensorFlow's TPU build and the package into ~/electra_pretrain/venv, and see whether the TPU answers:
#   install.sh 0|all REQUIREMENTS
# all: one of several hosts, whose TPU answers to all of them together only; that is seen when training starts.
set -euo pipefail
cd "$(dirname "$0")/../../.."
if systemctl is-active --quiet electra-pretrain; then
  echo "install: error: training runs on this VM; stop it first (stop.sh)" >&2
  exit 1
fi
venv=$HOME/electra_pretrain/venv
if [ ! -x "$venv/bin/pip" ] && ! python3 -m venv "$venv"; then
  # Ubuntu keeps venv in a package of its own; on a new VM another update may hold the lock.
  sudo apt-get -o DPkg::Lock::Timeout=600 update
  sudo DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y python3-venv
  python3 -m venv --clear "$venv"
fi
"$venv/bin/pip" install --quiet --upgrade pip
"$venv/bin/pip" install --quiet -r "$2"
# What only vocabulary, records and export need is left out.
"$venv/bin/pip" install --quiet --no-deps --force-reinstall .
if [ "$1" = all ]; then
  [ -x "$venv/bin/start_grpc_tpu_worker" ] || { echo "install: error: this tensorflow-tpu has no start_grpc_tpu_worker" >&2 && exit 1; }
  exit 0
fi
cd "$HOME"
"$venv/bin/python" - <<'PYTHON'
from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import collect, heed
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.machine import check_machine

try:
    hosts.prepare("local")
    heed(collect(check_machine()))
    tensorflow_startup.import_tensorflow()
    from electra_pretrain.train.devices import make_strategy

    print(f"install: the TPU answers: {make_strategy('local').num_replicas_in_sync} replicas")
except UserError as error:
    raise SystemExit(f"install: error: {error}")
PYTHON
