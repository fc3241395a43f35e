#!/bin/bash
# tests: native
# timeout: 900
# containerd's installer on the real containerd 1.6, 1.7 and 2.1: plan, install, verify, uninstall;
# refused where containerd would not start; killed at each step; started on what comes out, with pods whose gate is called, and answered by the agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
SERVER=$BIN/tests/hook_server
for need in "$SERVER" "$ADAPTERS/containerd.so" "$BIN/tests/hook_older"; do
  [ -x "$need" ] || skip_all "$need is not built"
done
command -v runc >/dev/null || skip_all "runc is not installed"
# shellcheck source=../lab/containerd/lib.sh
. "$ROOT/tests/lab/containerd/lib.sh"
# shellcheck source=containerd_lib.sh
. "$E2E/containerd_lib.sh"
trap 'containerd_end; server_stop; world_end' EXIT
export USHER_BACKEND=tracepoint
write_config
sed -i 's/^select = .*/select = ["containerd"]/' "$W/usher.toml"
cp "$W/usher.toml" "$W/usher.base"
deny_programs by-label 'namespaces = ["payments"]
pod_labels = { app = "api" }' kill

server_start() {
  "$SERVER" "$W/run/hook.sock" go >"$W/calls" &
  SERVER_PID=$!
  wait_for 20 grep -q ready "$W/calls"
}
server_stop() {
  [ -n "${SERVER_PID:-}" ] || return 0
  kill "$SERVER_PID" && wait "$SERVER_PID" 2>/dev/null
  SERVER_PID=
}
calls() { grep -c "$1" "$W/calls"; }

set_options() {
  OPTIONS=(containerd --adapters "$ADAPTERS" --trust-any-owner --config "" --hook-dir "$PROGRAMS"
    --hook-source "${SOURCE:-$BIN/usher-hook}" --hook-socket "$W/run/hook.sock"
    --set "cri.socket=$CRI" --set "nri.socket=$CTD/nri.sock" --set "config=$CONFIG" --set "spec_dir=$SPECS"
    --set "containerd=$CTD_TREE/usr/bin/containerd" --set "ctr=$CTD_TREE/usr/bin/ctr" ${TRIAL:-})
}
runtime() { # runtime ACTION ARG…
  local action=$1
  shift
  set_options
  "$BIN/usherctl" runtime "$action" "${OPTIONS[@]}" "$@"
}
# What verify says where everything is in place and containerd does not run. Others on this machine
# are named, too.
verified_but_unseen() {
  runtime verify >"$W/out/unseen" 2>&1
  [ "$(grep '^problem: ' "$W/out/unseen" | grep -vc ') runs with ')" = 1 ] && grep -q '^problem: no containerd that reads' "$W/out/unseen"
}
changes() { grep -Eq '^(create|replace|remove)' "$1"; }
no_changes() { ! changes "$1"; }
same() { cmp "$W/original.toml" "$CONFIG"; }
dump() { "$CTD_TREE/usr/bin/containerd" --config "$CONFIG" config dump; }
plugin_ok() { ctr plugins ls | awk -v id="$1" '$2 == id && $4 == "ok" {found = 1} END {exit !found}'; }
nothing_left() { ! find "$SPECS" "$PROGRAMS" "$(dirname "$CONFIG")" -type f '(' -path "$SPECS/*" -o -name 'usher-hook*' -o -name '.config.toml*' ')' 2>/dev/null | grep .; }

# A person's file: comments, quotes and indentation of every kind.
make_config() {
  containerd_config
  {
    echo "# kept by hand"
    sed -e 's/, "io.containerd.nri.v1.nri"//' \
      -e 's/^  runtime_type = "io.containerd.runc.v2"$/&   # as shipped/' "$CONFIG"
    if [ "$CTD_VERSION" != 1.6 ]; then
      echo '[plugins."io.containerd.nri.v1.nri"] # labels'
      [ "$CTD_VERSION" = 2.1 ] || echo '    disable = true'
      printf '    plugin_path = "%s"\n    plugin_config_path = "%s"\n    socket_path = "%s"\n' \
        "$CTD/nri-plugins" "$CTD/nri-conf" "$CTD/nri.sock"
    fi
    printf '# the end, without a line end'
  } >"$W/original.toml"
  cp "$W/original.toml" "$CONFIG"
}

# sound: what containerd would start on now is whole.
sound() {
  local spec program key
  key=$(cat "$CONFIG" "$SPECS"/*.json 2>/dev/null | sha256sum | cut -c1-16)
  dump >"$W/dump" 2>"$W/why" || return 1
  while read -r spec; do
    [ -n "$spec" ] || continue
    [ -s "$spec" ] || { echo "$spec is named and not there" >"$W/why"; return 1; }
    while read -r program; do
      "$program" --version >/dev/null 2>&1 || { echo "$program is named and does not run" >"$W/why"; return 1; }
    done < <(jq -r '.hooks | .createRuntime[].path, .poststop[].path' "$spec" 2>/dev/null || echo "not JSON: $spec")
  done < <(sed -n "s/^ *base_runtime_spec = [\"']\(.*\)[\"']$/\1/p" "$W/dump")
  [ ! -e "$W/out/sound.$CTD_VERSION.$key" ] || return 0
  # A new state: the real one must come up on it, with CRI.
  STATES=$((STATES + 1))
  containerd_start "$CTD_VERSION"
  plugin_ok cri || { echo "CRI does not come up" >"$W/why"; containerd_stop; return 1; }
  containerd_stop
  touch "$W/out/sound.$CTD_VERSION.$key"
}

# killed WHAT PREPARE ACTION: kills the action at every step; each state must be sound, and a run
# that is let through must mend it. Only the runs that are killed have their trial, of 2.1's.
killed() {
  local what=$1 prepare=$2 action=$3 call n status steps=0 bad=0 TRIAL=--no-start
  STATES=0
  for call in $CALLS; do
    n=1
    while :; do
      $prepare >"$W/out/prepare" 2>&1 || { not_ok "$what: cannot prepare: $(tail -1 "$W/out/prepare")"; return; }
      [ "$CTD_VERSION" != 2.1 ] || TRIAL=
      set_options
      TRIAL=--no-start
      ( # In a shell of its own, which keeps its remark on the death to itself.
        strace -qq -o "$W/strace" -e trace="$call" -e inject="$call:signal=KILL:when=$n" \
          "$BIN/usherctl" runtime "$action" "${OPTIONS[@]}" >"$W/out/killed" 2>&1
        exit $?
      ) 2>/dev/null
      status=$?
      [ $status -eq 137 ] || break
      steps=$((steps + 1))
      sound || { not_ok "$what: killed at $call $n: $(head -c 300 "$W/why")"; bad=1; }
      runtime "$action" >"$W/out/again" 2>&1 || {
        not_ok "$what: after being killed at $call $n it cannot be repeated: $(tail -1 "$W/out/again")"
        bad=1
      }
      find "$SPECS" "$PROGRAMS" "$CTD" -maxdepth 2 '(' -name '.usher*' -o -name '.base*' -o -name '.%*' -o -name '.config.toml*' ')' 2>/dev/null | grep -q . && {
        not_ok "$what: killed at $call $n, and repeated, it leaves temporary files"
        bad=1
      }
      if [ "$action" = uninstall ]; then
        same || { not_ok "$what: killed at $call $n, and repeated, the file is another"; bad=1; }
      fi
      n=$((n + 1))
      [ $n -lt 60 ] || break
    done
    [ $status -eq 0 ] || { not_ok "$what: it fails by itself: $(tail -1 "$W/out/killed")"; bad=1; }
  done
  [ $bad -eq 1 ] || { [ $steps -ge "$MIN_STEPS" ] && ok "$what: sound after each of $steps kills ($STATES states)"; } ||
    not_ok "$what: only $steps steps could be killed"
}
nothing() { rm -rf "$SPECS" "$PROGRAMS"; rm -f "$CTD"/.config.toml*; cp "$W/original.toml" "$CONFIG"; }
current() { nothing; runtime install; }
older() { nothing; SOURCE=$BIN/tests/hook_older runtime install; }

# Started on trial, beside the one that runs.
on_trial() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -q -- "--config $CTD/root/.usher-star[t]/"; }
nothing_of_a_trial() { ! on_trial && [ ! -e "$CTD/root/.usher-start" ] && ! grep -q usher-start /proc/self/mountinfo; }
third_runtime() { # SPEC
  printf '\n[plugins."%s".containerd.runtimes.third]\n  runtime_type = "io.containerd.runc.v2"\n  base_runtime_spec = "%s"\n' \
    "$CRI_ID" "$1" >>"$CONFIG"
}
snapshotter() {
  if [ "$CTD_VERSION" = 2.1 ]; then
    printf '\n[plugins."io.containerd.cri.v1.images"]\n  snapshotter = "%s"\n' "$1" >>"$CONFIG"
  else
    sed -i "s|^ *default_runtime_name = .*|&\n  snapshotter = \"$1\"|" "$CONFIG"
    echo >>"$CONFIG"
  fi
}
unchanged() { cmp "$CONFIG" "$W/broken.toml" && ! ls "$SPECS"/base-* >/dev/null 2>&1; }
# What is read and does not start is refused, in containerd's words, and nothing is changed by it.
refused() { # refused WHAT WORDS EDIT…: what was done to the configuration
  local what="$CTD_VERSION: $1" words=$2
  shift 2
  nothing
  "$@"
  cp "$CONFIG" "$W/broken.toml"
  dump >/dev/null 2>"$W/why" || not_ok "$what: config dump refuses it already: $(tail -1 "$W/why")"
  runtime install --handler runc >"$W/out/refused" 2>&1 && not_ok "$what: was installed"
  check "$what: refused, in containerd's words" grep -q "does not start on the edited .*$words" "$W/out/refused"
  check "$what: the file is what it was" unchanged
  nothing_of_a_trial || not_ok "$what: something of the trial is left"
}
does_not_start() {
  local v=$CTD_VERSION pid signal
  refused "a base spec that is not there" 'no such file' third_runtime "$W/none.json"
  check "$v: nor would it on the old one, which is said" grep -q 'nor does it on the one that is there now' "$W/out/refused"
  runtime install --handler runc --no-start >"$W/out/unasked" 2>&1
  check "$v: who asks for no trial gets none, and is told" grep -q 'was not started on it, as was asked' "$W/out/unasked"
  echo '{"ociVersion": "1.0.2", "process": 7}' >"$W/number.json"
  refused "a base spec of the wrong shape" 'cannot unmarshal number' third_runtime "$W/number.json"
  refused "an unknown snapshotter" 'failed to find snapshotter' snapshotter nosuch

  # What belongs to the node is neither waited for nor touched.
  nothing
  mkdir -p "$W/launch"
  printf '#!/bin/sh\ntouch %s\n' "$W/launched" >"$W/launch/10-mark"
  chmod +x "$W/launch/10-mark"
  sed -i "s|^ *plugin_path = .*|    plugin_path = \"$W/launch\"|" "$CONFIG"
  snapshotter remote
  printf '%s\n' '[proxy_plugins.remote]' '  type = "snapshot"' "  address = \"$W/remote.sock\"" \
    '[metrics]' '  address = "192.0.2.1:1338"' '[cgroup]' '  path = "/usher-nosuch"' >>"$CONFIG"
  runtime install >"$W/out/apart" 2>&1
  check "$v: another process's snapshotter and addresses that are not here do not stand in the way" \
    grep -q 'was started on it, on trial' "$W/out/apart"
  check "$v: and neither NRI's plugins nor a cgroup are begun" \
    sh -c "[ ! -e '$W/launched' ] && [ ! -e /sys/fs/cgroup/usher-nosuch ]"

  # Ended in the middle, which is long here.
  printf '#!/bin/sh\ncase $* in *usher-start/config.toml) echo $$ >%s; exec sleep 60 ;; esac\nexec %s "$@"\n' \
    "$W/trial" "$CTD_TREE/usr/bin/containerd" >"$W/slow"
  chmod +x "$W/slow"
  for signal in TERM KILL; do
    nothing
    rm -f "$W/trial"
    set_options
    "$BIN/usherctl" runtime install "${OPTIONS[@]}" --set "containerd=$W/slow" >"$W/out/ended" 2>&1 &
    pid=$!
    wait_for 30 test -s "$W/trial" || not_ok "$v: no trial begins"
    kill -$signal $pid
    wait $pid 2>/dev/null
    check "$v: ended by $signal in its trial, it leaves the file" same
    check "$v: and no process" wait_for 5 sh -c "! kill -0 \$(cat '$W/trial')"
    [ $signal = KILL ] || nothing_of_a_trial || not_ok "$v: ended by $signal, it leaves a directory"
  done
  check "$v: what a killed one leaves is cleared up by the next" runtime install
  nothing_of_a_trial || not_ok "$v: what a killed one has left is still there"
  nothing
}

by_version() {
  local v=$1
  CTD_VERSION=$v
  CTD=$W/containerd-$v
  CRI=$CTD/cri.sock
  NRI=$CTD/nri.sock
  CONFIG=$CTD/config.toml
  SPECS=$W/etc-usher-$v
  PROGRAMS=$W/opt-$v
  mkdir -p "$CTD"/{root,state,cni,opt,tmp} /run/containerd
  mount -t tmpfs none /run/containerd || { skip_part "cannot mount a tmpfs"; return; }
  make_config
  "$CTD_LAB/image" "$CTD/box.tar" localhost/usher/box:1 \
    '["/bin/sh","-c","trap exit TERM; while :; do sleep 1000 & wait; done"]' "$W/rootfs"

  # 1. As their user sees them.
  runtime plan >"$W/out/plan" 2>&1 || not_ok "$v: plan: $(tail -1 "$W/out/plan")"
  check "$v: plan shows what would be written" grep -q '^ *+ *base_runtime_spec = ' "$W/out/plan"
  check "$v: and changes nothing" sh -c "cmp '$W/original.toml' '$CONFIG' && [ ! -e '$PROGRAMS' ] && [ ! -e '$SPECS' ]"
  check "$v: install" runtime install
  check "$v: a person's comments stay" \
    sh -c "grep -q '^# kept by hand' '$CONFIG' && grep -q '# as shipped' '$CONFIG' && grep -q '^# the end, without a line end$' '$CONFIG'"
  check "$v: a backup is kept" cmp "$W/original.toml" "$SPECS/backup/${CONFIG//\//%2F}"
  cp "$CONFIG" "$W/installed.toml"
  runtime install >"$W/out/again" 2>&1
  check "$v: a second install changes nothing" no_changes "$W/out/again"
  check "$v: nor does it write" cmp "$CONFIG" "$W/installed.toml"
  check "$v: verify agrees, and says that no containerd runs" verified_but_unseen

  runtime install --set spec_dri=/x >"$W/out/slip" 2>&1
  check "$v: a slip of the pen is told" grep -q 'unknown setting "spec_dri"' "$W/out/slip"

  # 2. The real one, with pods.
  containerd_start "$v"
  check "$v: containerd starts on it, with CRI" plugin_ok cri
  if [ "$v" != 1.6 ]; then
    check "$v: NRI is on" sh -c "[ -S '$CTD/nri.sock' ]"
  fi
  runtime verify >"$W/out/verify" 2>&1
  check "$v: verify finds nothing wrong" test $? -eq 0
  for handler in runc other; do
    check "$v: the running one says itself that it uses $handler's base spec" grep -q \
      "base-$handler.json  the containerd that runs begins containers of the runtime $handler with it" "$W/out/verify"
  done
  local before sandbox container
  before=$(calls CREATE_RUNTIME)
  read -r sandbox container < <(pod payments api 11111111-1111-4222-8333-444444444444 --container main)
  check "$v: the gate is called once for a container, not for the pause" \
    test "$(($(calls CREATE_RUNTIME) - before))" -eq 1
  check "$v: a base spec brings no limit of open files" \
    sh -c "[ \"\$(grep -c 'Max open files *1024 *1024' /proc/\$('$CTD_TREE/usr/bin/ctr' -a '$CRI' -n k8s.io task ls | awk '\$1 == \"${container:-none}\" {print \$2}')/limits)\" = 0 ]"
  [ -z "${sandbox:-}" ] || pods remove "$sandbox" >/dev/null 2>&1
  check "$v: and its end is told" wait_for 5 sh -c "grep -q POSTSTOP '$W/calls'"

  # The same with the agent itself behind the gate.
  server_stop
  mode closed
  read -r sandbox container < <(pod payments real "$(uid 9)" --label app=api --container main \
    --command /denied/probe --command mark --command /tmp/real)
  ran real && not_ok "$v: what is denied ran behind the installed gate"
  killed_by_policy "${container:-none}" && ok "$v: the agent enforces at the installed gate" ||
    not_ok "$v: no verdict of the agent at the installed gate"
  [ -z "${sandbox:-}" ] || pods remove "$sandbox" >/dev/null 2>&1
  agent_kill
  if pod payments dead "$(uid 10)" --label app=api --container main >"$W/out/dead" 2>&1; then
    not_ok "$v: a container started while the agent was dead"
  else
    ok "$v: nothing starts while the agent is dead"
  fi
  server_start

  runtime verify --set cri.socket=/run/elsewhere.sock >"$W/out/verify" 2>&1
  check "$v: verify sees an adapter that asks elsewhere" grep -q "problem: containerd listens on $CRI, and the adapter asks" "$W/out/verify"

  # 3. Other settings: until the restart they are not in force.
  check "$v: install with other settings" runtime install --hook-timeout 7000
  runtime verify --hook-timeout 7000 >"$W/out/verify" 2>&1
  check "$v: verify says that a restart is needed" grep -q 'problem: containerd (pid [0-9]*) started before' "$W/out/verify"
  containerd_stop
  containerd_start "$v"
  check "$v: and is content after it" runtime verify --hook-timeout 7000
  cp "$CONFIG" "$CTD/elsewhere.toml"
  runtime verify --hook-timeout 7000 --set "config=$CTD/elsewhere.toml" --set "spec_dir=$W/elsewhere" >"$W/out/verify" 2>&1
  check "$v: verify names a containerd with another configuration" grep -q "runs with $CONFIG, not with $CTD/elsewhere.toml" "$W/out/verify"
  rm "$CTD/elsewhere.toml"
  cp "$CONFIG" "$W/whole.toml"
  printf '\n[plugins\n' >>"$CONFIG"
  runtime verify --hook-timeout 7000 >"$W/out/verify" 2>&1
  check "$v: of a file broken by hand verify says what to do, and asks the containerd that runs" sh -c \
    "grep -q 'problem: .*mend that line.*put back the file' '$W/out/verify' && grep -q 'begins containers of the runtime runc with it' '$W/out/verify'"
  cp "$W/whole.toml" "$CONFIG"

  # 4. Uninstalled under a containerd that runs: it goes on calling the program.
  runtime uninstall >"$W/out/uninstall" 2>&1
  check "$v: uninstall gives the file back to the byte" same
  check "$v: and says that a restart is needed" grep -q 'restart it, then run this again' "$W/out/uninstall"
  check "$v: until then the program stays" sh -c "ls '$PROGRAMS'/usher-hook-*"
  check "$v: for containers still begin with it" \
    sh -c "'$BIN/tests/cri_pods' '$CRI' pod --namespace payments --name late --uid 21111111-1111-4222-8333-444444444444 --cgroup-parent '$CG' --container main"
  pods list | awk '$1 == "sandbox" {print $2}' | while read -r id; do pods remove "$id" >/dev/null 2>&1; done
  containerd_stop
  containerd_start "$v"
  check "$v: after it the program goes" runtime uninstall
  check "$v: and nothing is left" nothing_left
  check "$v: containerd runs as before" plugin_ok cri
  if [ "$v" = 1.6 ]; then
    server_stop
    mode closed
    check "$v: the agent's adapter is degraded where the hook is not installed, and says what to do" sh -c \
      "'$BIN/usherctl' --socket '$W/run/admin.sock' adapters | grep -q 'runc (no base runtime spec).*run: usherctl runtime install containerd'"
    agent_kill
    server_start
  fi
  containerd_stop

  # 5. Modes.
  if [ "$v" = 1.6 ]; then
    runtime install --mode nri >"$W/out/nri" 2>&1
    check "$v: mode nri is refused, for there is none" grep -q 'has no NRI' "$W/out/nri"
  else
    check "$v: mode nri" runtime install --mode nri
    check "$v: turns NRI on and writes no base spec" \
      sh -c "! grep -q '^ *base_runtime_spec' '$CONFIG' && '$CTD_TREE/usr/bin/containerd' --config '$CONFIG' config dump 2>/dev/null | grep -A8 'nri.v1.nri' | grep -q 'disable = false'"
    check "$v: is taken back as well" runtime uninstall
  fi
  check "$v: to the byte" same

  # 6. Drop-ins: on 1.x an import takes the place of the whole plugin, on 2.x it is merged.
  local cri_id='io.containerd.grpc.v1.cri' file=2
  if [ "$v" = 2.1 ]; then cri_id=io.containerd.cri.v1.runtime file=3; fi
  mkdir -p "$CTD/conf.d"
  sed "s|^version = .*|&\nimports = [\"$CTD/conf.d/*.toml\"]|" "$W/original.toml" >"$CONFIG"
  printf 'version = %s\n# beside\n[plugins."%s".containerd.runtimes.runc]\n  runtime_type = "io.containerd.runc.v2"\n  privileged_without_host_devices = true\n[plugins."%s".containerd.runtimes.kata]\n  runtime_type = "io.containerd.kata.v2"' \
    "$file" "$cri_id" "$cri_id" >"$CTD/conf.d/10-site.toml"
  cp "$CONFIG" "$W/root.toml"
  cp "$CTD/conf.d/10-site.toml" "$W/dropin.toml"
  runtime install >"$W/out/imports" 2>&1
  check "$v: with a drop-in: install" test $? -eq 0
  dump >"$W/dump" 2>/dev/null
  check "$v: its settings stay" grep -q 'privileged_without_host_devices = true' "$W/dump"
  check "$v: its runtime gets the hook" sh -c "grep -q \"base_runtime_spec = [\\\"']$SPECS/base-runc.json\" '$W/dump'"
  check "$v: Kata does not" sh -c "! grep -q base-kata '$W/dump' && grep -q 'kata is Kata: it gets no hook' '$W/out/imports'"
  check "$v: verify agrees with both files" verified_but_unseen
  check "$v: both come back" sh -c "'$BIN/usherctl' runtime uninstall ${OPTIONS[*]@Q} && cmp '$CONFIG' '$W/root.toml' && cmp '$CTD/conf.d/10-site.toml' '$W/dropin.toml'"
  nothing

  # 7. What containerd would not start with is not left.
  printf 'version = %s\n[plugins."io.containerd.gc.v1.scheduler"]\n  pause_threshold = "a lot"\n' \
    "$([ "$v" = 2.1 ] && echo 3 || echo 2)" >"$CONFIG"
  cp "$CONFIG" "$W/bad.toml"
  runtime install >"$W/out/bad" 2>&1
  check "$v: a file that containerd does not take is refused" grep -q 'does not start on the edited' "$W/out/bad"
  check "$v: and left as it is" cmp "$CONFIG" "$W/bad.toml"
  nothing

  CRI_ID=$cri_id
  does_not_start

  # 8. Killed at each step.
  if ! command -v strace >/dev/null || ! strace -qq -o /dev/null true 2>/dev/null; then
    skip_part "$v: killed at each step: strace cannot trace here"
  elif [ "$v" = 2.1 ]; then
    CALLS="mkdir write fsync fchmod rename unlink"
    MIN_STEPS=15
    killed "$v: installed" nothing install
    MIN_STEPS=8
    killed "$v: uninstalled" current uninstall
  else
    CALLS="rename unlink"
    MIN_STEPS=5
    killed "$v: installed" nothing install
    MIN_STEPS=3
    killed "$v: moved from an older hook" older install
    killed "$v: uninstalled" current uninstall
  fi
  containerd_end
}

server_start || { not_ok "the test server starts"; finish; }
HAD=
for v in ${CONTAINERD:-1.6 1.7 2.1}; do
  CTD_TREE=$("$CTD_LAB/fetch" "$v" 2>"$W/fetch.log") || {
    skip_part "containerd $v: $(tail -1 "$W/fetch.log")"
    continue
  }
  HAD=1
  by_version "$v"
done
[ -n "$HAD" ] || skip_all "no containerd can be had: $(tail -1 "$W/fetch.log")"
finish
