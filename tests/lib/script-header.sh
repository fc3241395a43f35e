# shellcheck shell=bash
# Sourced: reads the header of a test script.
#   # tests: native|vm|both     where it runs (default: both)
#   # timeout: SECONDS          its limit (default: 120)

# script_wants FILE native|vm
script_wants() {
  local where
  where=$(sed -nE '1,30s/^# tests: *([a-z]+).*/\1/p' "$1" | head -n 1)
  [ -x "$1" ] && { [ "${where:-both}" = both ] || [ "$where" = "$2" ]; }
}

# script_timeout FILE
script_timeout() {
  local seconds
  seconds=$(sed -nE '1,30s/^# timeout: *([0-9]+).*/\1/p' "$1" | head -n 1)
  echo "${seconds:-120}"
}
