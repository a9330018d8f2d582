# run_pretraining's arguments as start.sh and supervise.sh take them; sourced after cloud.sh, with them in "$@".
# shellcheck shell=bash

# Refuse what cannot work on another machine, before a TPU is asked for.
check_arguments() {
  local word option='' given=' '
  for word in "$@"; do
    case $word in
      --*=*) option=${word%%=*} word=${word#*=} ;;
      --*) option=$word && continue ;;
    esac
    given+="$option "
    case $option in
      --data | --model_dir)
        [[ $word == gs://* ]] ||
          fail "$option $word: the TPU's VM does not see this machine's disk, and loses its own; use gs://… (python -m electra_pretrain.stage copies records there)" 78
        ;;
    esac
  done
  for option in --config --data --model_dir; do
    [[ $given == *" $option "* ]] || fail "$option is missing; give what run_pretraining takes: --config … --data gs://… --model_dir gs://…" 78
  done
}

check_arguments "$@"
