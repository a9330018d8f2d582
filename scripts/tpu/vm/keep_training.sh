#!/usr/bin/env bash
# Run a command until it is finished, and write how it ended (finished, or failed CODE) to a file:
#   keep_training.sh OUTCOME COMMAND [ARGUMENT…]
# Exit code 0: finished. 1, 2: a mistake that the user must mend. 75: stopped in good order, so at once again. Any other
# (killed, out of memory, crashed): again after a pause that doubles, until it fails too often in a row.
# SIGTERM is handed on, and then nothing is started again.
set -euo pipefail
PAUSE_SECONDS=${PAUSE_SECONDS:-30}
LONGEST_PAUSE_SECONDS=${LONGEST_PAUSE_SECONDS:-600}
MAX_FAILURES=${MAX_FAILURES:-6}                 # in a row
GOOD_RUN_SECONDS=${GOOD_RUN_SECONDS:-3600}      # a run this long ends the row
outcome=$1
shift

say() { printf '%s keep_training: %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" "$*"; }

stopping=no
child=
handed_on=no # a second SIGTERM would end the trainer at once
hand_on() {
  stopping=yes
  if [ -n "$child" ] && [ "$handed_on" = no ]; then
    handed_on=yes
    kill -TERM "$child" 2> /dev/null || true
  fi
}
trap hand_on TERM

# Run something whose exit code is then ours. A trapped signal ends bash's wait early: wait again.
attend() {
  local code
  "$@" &
  child=$!
  [ "$stopping" = no ] || hand_on # it came just before
  while true; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2> /dev/null || break
  done
  child=
  return "$code"
}

finish() {
  echo "$1" > "$outcome"
  say "$2"
}

rm -f "$outcome"
failures=0
pause=$PAUSE_SECONDS
while [ "$stopping" = no ]; do
  began=$SECONDS
  code=0
  attend "$@" || code=$?
  case $code in
    0) finish finished "finished" && exit 0 ;;
    1 | 2) finish "failed $code" "stopped by a mistake (exit code $code) that the lines above name; mend it and start again" && exit "$code" ;;
  esac
  [ "$stopping" = no ] || break
  if [ "$code" = 75 ]; then
    say "stopped in good order (exit code 75); starting again"
    continue
  fi
  if [ $((SECONDS - began)) -ge "$GOOD_RUN_SECONDS" ]; then
    failures=0
    pause=$PAUSE_SECONDS
  fi
  failures=$((failures + 1))
  if [ "$failures" -gt "$MAX_FAILURES" ]; then
    finish "failed $code" "exit code $code, $failures times in a row; giving up" && exit "$code"
  fi
  say "exit code $code (failure $failures in a row); starting again in $pause seconds"
  attend sleep "$pause" || true
  pause=$((pause * 2 < LONGEST_PAUSE_SECONDS ? pause * 2 : LONGEST_PAUSE_SECONDS))
done
say "asked to stop; stopped"
exit 75
