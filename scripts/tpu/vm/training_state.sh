#!/usr/bin/env bash
# On the VM: one word on the training: running, finished, failed (and the exit code), stopped.
set -euo pipefail
case $(systemctl is-active electra-pretrain || true) in
  active | activating | deactivating | reloading) echo running ;;
  *) cat "$HOME/electra_pretrain/outcome" 2> /dev/null || echo stopped ;;
esac
