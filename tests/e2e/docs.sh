#!/bin/bash
# tests: native
# timeout: 240
# What README.md and docs/usherctl.md tell people to type: every command and option that they name is
# there and has help with an example; README's commands do what it says against a real agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=${USHER_BACKEND:-tracepoint}
world "$@"
PAGE=$ROOT/docs/usherctl.md README=$ROOT/README.md
usherctl=$BIN/usherctl

# The command's own help, with an example. An unknown command is answered with its parent's help.
has_example() {
  local text
  text=$("$usherctl" "$@" --help 2>&1) && grep -q "^Usage: usherctl $* \[" <<<"$text" &&
    grep -q '^Example: usherctl ' <<<"$text"
}
has_option() { # has_option --OPTION [WORD…]
  local option=$1
  shift
  "$usherctl" "$@" --help | grep -qE -- "(^|[ ,])$option([ ,=]|\$)"
}
is_group() { "$usherctl" "$1" --help | grep -q "^Usage: usherctl $1 .*SUBCOMMAND"; }

# 1. The table of commands: `COMMAND ARGUMENT [--option VALUE]`, where a|b stands for either.
: >"$W/documented"
first_column() { sed -nE 's/^\| `([a-z]([^`]|\\\|)*)` \|.*\| (yes|no) \|$/\1/p' "$PAGE" | sed 's/\\|/|/g'; }
while read -r line; do
  read -ra words <<<"$line"
  commands=("${words[0]}")
  if is_group "${words[0]}"; then
    IFS='|' read -ra commands <<<"${words[1]:-}"
    commands=("${commands[@]/#/${words[0]} }")
  elif [[ ${words[1]:-} =~ ^[a-z|]+$ ]]; then
    for choice in ${words[1]//|/ }; do
      check "'${words[0]} $choice' is a choice that the help names" \
        sh -c "'$usherctl' ${words[0]} --help | grep -qw '$choice'"
    done
  fi
  for command in "${commands[@]}"; do
    echo "$command" >>"$W/documented"
    # shellcheck disable=SC2086 # one or two words
    check "usherctl $command --help shows an example" has_example $command
    for option in $(grep -oE -- '--[a-z-]+' <<<"$line"); do
      # shellcheck disable=SC2086
      check "usherctl $command has $option" has_option "$option" $command
    done
  done
done < <(first_column)
[ "$(wc -l <"$W/documented")" -ge 15 ] && ok "the page's table was read" ||
  not_ok "the page's table has $(wc -l <"$W/documented") commands: has its form changed?"

# The reverse: what there is, is documented.
subcommands() { "$usherctl" "$@" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'; }
for group in $(subcommands); do
  is_group "$group" || { check "the page names $group" grep -qx "$group" "$W/documented"; continue; }
  for command in $(subcommands "$group"); do
    check "the page names $group $command" grep -qx "$group $command" "$W/documented"
  done
done

# Options named in the text: of every command, and of `runtime`.
for option in $(sed -n '/^Options of every command/p' "$PAGE" | grep -oE -- '--[a-z-]+'); do
  check "every command has $option" has_option "$option"
done
for option in $(sed -n '/^## runtime/,/^## /p' "$PAGE" | grep -oE -- '--[a-z-]+'); do
  check "usherctl runtime plan has $option" has_option "$option" runtime plan
done

# 2. README: its policy, and its commands in order.
between() { # between HEADING FENCE: the first such block below the heading
  awk -v heading="$1" -v fence="$2" '
    $0 == heading { below = 1 }
    below && $0 == "```" && inside { exit }
    inside
    below && $0 == fence { inside = 1 }' "$README"
}
between "## Use it" '```toml' | policy payments-lockdown
[ -s "$W/policy.d/payments-lockdown.toml" ] && ok "README shows a policy" || not_ok "README shows no policy"
need_agent
rt=$(basename "$(telling)")
bundle api payments api main app=api -- /usr/bin/probe sleep
check "README's workload runs" run_detached "$rt" api

# The places of an installed Usher, here the build's.
usherctl() {
  local more=()
  [ "$1" != runtime ] || more=(--adapters "$ADAPTERS" --trust-any-owner --config "" --hook-source "$BIN/usher-hook")
  timeout 30 "$BIN/usherctl" --socket "$W/run/admin.sock" "$@" "${more[@]}"
}
typed() { # typed COMMAND: runs it as README has it; output in $W/typed
  local line=${1//\/usr\/share\/usher\/policy.d/$ROOT/config/policy.d}
  eval "$line" >"$W/typed" 2>&1 </dev/null
}
follows() { # COMMAND goes on until it is ended: it has shown something
  "$BIN/usherctl" --socket "$W/run/admin.sock" events --follow >"$W/followed" 2>&1 &
  local pid=$! status=0
  wait_for 10 test -s "$W/followed" || status=1
  kill "$pid"
  wait "$pid" 2>/dev/null
  return $status
}
between "## Use it" '```' | sed 's/ *#.*//' | tr ';' '\n' | sed 's/^ *//; /^$/d' >"$W/commands"
for must in doctor 'policies check' 'runtime plan' workloads events explain mode; do
  check "README shows usherctl $must" grep -q "^usherctl $must" "$W/commands"
done
echo "usherctl status" >>"$W/commands"
while read -r command <&3; do
  case $command in
    systemctl*)
      unit=${command##* }
      check "README: $command: there is such a unit" sh -c "find '$ROOT/config' '$ROOT/packaging' -name '$unit.service*' 2>/dev/null | grep -q ."
      ;;
    *--follow) check "README: $command" follows ;;
    usherctl*)
      typed "$command" && ok "README: $command" || { not_ok "README: $command"; sed 's/^/# /' "$W/typed" | tail -5; }
      case $command in
        *workloads) check "lists the workload with its policy" grep -q payments-lockdown "$W/typed" ;;
        *explain*) check "says deny and by which rule" grep -qi 'den.*no-shells\|no-shells' "$W/typed" ;;
        *status) check "names the backend" grep -q "$BACKEND" "$W/typed" ;;
      esac
      ;;
    *) not_ok "README: '$command' is nothing that this test knows" ;;
  esac
done 3<"$W/commands"
delete "$rt" api

# 3. The targets of make that README names.
for target in $(sed 's/ [A-Za-z]*=[^ `]*//g' "$README" | grep -oE '(^|`)make( [a-z]+)+' | sed 's/^`*make //'); do
  check "make $target is there" grep -q "^$target:" "$ROOT/Makefile"
done

# 4. docs/kata.md: its commands on a node with a configuration of Kata's; what it shows is in place.
mkdir -p "$W/node/etc/kata-containers"
echo '[hypervisor.clh]' >"$W/node/etc/kata-containers/configuration.toml"
kata() { # kata ACTION OPTION…
  local action=$1
  shift
  "$BIN/usherctl" runtime "$action" kata --adapters "$ADAPTERS" --trust-any-owner --config "" \
    --hook-source "$BIN/usher-hook" --root "$W/node" "$@"
}
for action in plan install verify; do
  check "docs/kata.md: usherctl runtime $action kata" kata "$action"
done
for file in $(sed -n '/^- the folder to ship/,/^$/p' "$ROOT/docs/kata.md" | grep -oE 'hooks/[a-z/.-]+'); do
  check "docs/kata.md: $file is laid out" test -f "$W/node/opt/usher/kata/$file"
done
check "docs/kata.md: 60-usher.toml is there" test -f "$W/node/etc/kata-containers/config.d/60-usher.toml"
mkdir -p "$W/node/image/usr/share/usher"
cp -r "$W/node/opt/usher/kata/hooks" "$W/node/image/usr/share/usher/"
check "docs/kata.md: an image is verified" kata verify --set image=/image
rm "$W/node/image/usr/share/usher/hooks/prestart/usher-hook"
check "docs/kata.md: an image without the hook is not" sh -c '! "$@"' sh "$BIN/usherctl" runtime verify kata \
  --adapters "$ADAPTERS" --trust-any-owner --config "" --hook-source "$BIN/usher-hook" --root "$W/node" --set image=/image
check "docs/kata.md: usherctl runtime uninstall kata" kata uninstall
check "docs/kata.md: uninstall leaves nothing" sh -c '! find "$1" -name "60-usher.toml" -o -name "usher-hook*" | grep -v /image/ | grep .' sh "$W/node"
finish
