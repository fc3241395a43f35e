# shellcheck shell=bash disable=SC2154
# Sourced after lib.sh: what the container $c of the runtime $rt tries, told after $who.
#
#   held|unmarked|free TEXT ARG…   it was refused; left no mark; went through
#
# With $control set the container has no rules: what becomes of an attempt is shown and not judged.

said() { tail -n 1 "$W/out/$c.exec" | cut -c1-100; }
held() { # held TEXT ARG…: refused: exit code 1, or $ALSO_REFUSED
  local text=$1 status
  shift
  exec_in "$rt" "$c" "$@"
  status=$?
  if [ -n "${control:-}" ]; then
    echo "# control: $text: $status $(said)"
  elif [ $status -eq 1 ] || [ $status -eq "${ALSO_REFUSED:-1}" ]; then
    ok "$who: $text"
  else
    not_ok "$who: $text: exit $status: $(said)"
  fi
}
unmarked() { # unmarked TEXT ARG…: what would have made /marks/it did not run
  local text=$1
  shift
  rm -f "$W/marks/it"
  exec_in "$rt" "$c" "$@"
  if [ -n "${control:-}" ]; then
    echo "# control: $text: mark: $(ls "$W/marks/it" 2>&1 | tail -c 40), $(said)"
  elif [ -e "$W/marks/it" ]; then
    not_ok "$who: $text"
  else
    ok "$who: $text"
  fi
}
free() { # free TEXT ARG…: went through
  local text=$1
  shift
  check "$who: $text" exec_in "$rt" "$c" "$@"
}
