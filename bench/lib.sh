# shellcheck shell=bash
# figure NAME VALUE UNIT OP GOAL: one line of the report.
figure() {
  local verdict=SHORT
  awk -v a="$2" -v op="$4" -v b="$5" \
    'BEGIN { exit !((op == "<=" && a <= b) || (op == ">=" && a >= b) || (op == "==" && a == b)) }' &&
    verdict=PASS
  printf 'bench %-44s %10s %-14s goal %s %s %s\n' "$1" "$2" "$3" "$4" "$5" "$verdict"
}
