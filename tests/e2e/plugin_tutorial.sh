#!/bin/bash
# tests: native
# timeout: 180
# docs/plugin-abi.md, executed: every ```sh block of its tutorial, in order, as it stands there, with
# the example adapter, a real agent and a real container. /etc, /usr/lib and /run are the test's own.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
export USHER_BACKEND=${USHER_BACKEND:-tracepoint}
world "$@"
command -v runc >/dev/null || skip_all "runc is not installed"
command -v cc >/dev/null || skip_all "no C compiler (cc) is installed"
command -v pkg-config >/dev/null || skip_all "pkg-config is not installed"
command -v cmake >/dev/null || skip_all "cmake is not installed"

# The page's absolute paths, without touching the machine's.
own() { # own DIRECTORY
  local upper=$W/own$1
  mkdir -p "$upper/up" "$upper/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$upper/up,workdir=$upper/work" "$1"
}
mkdir -p "$W/own" && mount -t tmpfs none "$W/own" || skip_all "cannot mount tmpfs"
own /etc && own /usr/lib || skip_all "cannot mount overlayfs"
mount -t tmpfs -o mode=755 none /run || skip_all "cannot mount tmpfs"
mkdir -p /etc/usher /run/usher

# What `make install` puts in place for authors.
cmake --install "$BUILD" --prefix "$W/prefix" --component plugin-sdk >"$W/install.log" 2>&1 ||
  { not_ok "the SDK is installed"; cat "$W/install.log"; finish; }
export PKG_CONFIG_PATH=$W/prefix/lib/pkgconfig PATH=$BIN:$PATH
check "the header has a pkg-config file" pkg-config --exists "usher-plugin >= 1.0"

sed -e "s|$W/run|/run/usher|" -e 's|^directory = ".*/adapters"|directory = "/usr/lib/usher/adapters"|' \
  -e 's|^select = .*|select = "auto"|' "$W/usher.toml" >/etc/usher/usher.toml
ln -sf /etc/usher/usher.toml "$W/usher.toml"
ctl() { usherctl "$@"; }
policy payments <<'T'
[policy]
name = "payments"
[select]
namespaces = ["payments"]
pod_labels = { app = "api" }
[[rule]]
name = "denied-programs"
on = "exec"
paths = ["/denied/"]
action = "deny"
T

work=$W/author
mkdir "$work"
cd "$work" || exit 1
cp "$ROOT/examples/adapter-c/files.c" .
lines=$(wc -l <files.c)
[ "$lines" -lt 150 ] && ok "the example has $lines lines" || not_ok "the example has $lines lines, 150 are too many"

# blocks LANGUAGE: the page's blocks of a language, each in a file of its own.
blocks() {
  awk -v language="$1" '
    $0 == "```" language { inside = 1; file = sprintf("%s.%02d", language, ++n); next }
    $0 == "```" && inside { inside = 0; close(file); next }
    inside { print > file }' "$ROOT/docs/plugin-abi.md"
}
blocks sh
blocks toml
[ "$(ls sh.?? | wc -l)" -ge 6 ] && [ -s toml.01 ] || { not_ok "the tutorial has its blocks"; finish; }

page() { # page NUMBER TEXT: runs a block as a reader would
  local block
  block=sh.$(printf %02d "$1")
  bash -e "$block" >"$block.out" 2>&1 && ok "$2" || {
    not_ok "$2"
    sed 's/^/# /' "$block" "$block.out" | tail -25
  }
}
page 1 "it is built by one cc line"
[ "$(nm -D --defined-only files.so | awk '{print $3}')" = usher_plugin_v1 ] && ok "it exports one symbol" ||
  not_ok "it exports more than one symbol"
page 2 "usherctl adapter check finds no broken rule"
page 3 "it is dropped in"
cat toml.01 >>/etc/usher/usher.toml
need_agent
page 4 "usherctl adapters answers"
grep -q 'files .*running' sh.04.out && ok "the agent chose the adapter" ||
  { not_ok "the agent chose the adapter"; sed 's/^/# /' sh.04.out; }

# A bundle without our hook: the adapter alone brings the container in.
bundle c1 ignored ignored ignored -- /denied/probe mark /marks/c1
bundle c3 ignored ignored ignored -- /bin/sleep 1000
sed -i '/"hooks"/,/"poststop"/d' "$W"/bundles/c?/config.json
ln -s "$W/bundles/c1" bundle
page 5 "a container is made and announced"
[ "$(cat /run/files/c1.verdict)" = ok ] && ok "the gate says ok" ||
  { not_ok "the gate says ok"; cat /run/files/c1.verdict; }
grep -q 'payments/api-0/main .*files' sh.05.out && ok "usherctl workloads shows it" ||
  { not_ok "usherctl workloads shows it"; sed 's/^/# /' sh.05.out; }
usherctl workloads --json | grep -q '"app": *"api"' && ok "with its labels" || not_ok "with its labels"
bash sh.06 >sh.06.out 2>&1
check "the denial is told, with who and which rule" wait_for 10 \
  grep -q '"event":"verdict".*"namespace":"payments".*"rule":"denied-programs"' "$W/usherd.log"
[ ! -e "$W/marks/c1" ] && ok "its program did not run" || not_ok "its program ran"
usherctl adapters --json | grep -q '"gates": *1' && ok "the gate is counted" || not_ok "the gate is counted"

# What ran before the agent is adopted by the list.
agent_stop
runc delete -f c1 >/dev/null 2>&1
rm -f /run/files/c1.json
runc run -d --bundle "$W/bundles/c3" c3 </dev/null >"$W/out/c3" 2>&1
echo "{\"namespace\": \"shop\", \"pod\": \"old-0\", \"pid\": \"$(runc state c3 | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')\"}" \
  >/run/files/c3.json
agent_start || { not_ok "the agent starts again"; finish; }
check "what ran before is adopted" wait_for 10 sh -c "usherctl workloads | grep -q 'shop/old-0.*files'"
runc delete -f c3 >/dev/null 2>&1

echo '{"namespace": broken' >/run/files/c2.json
check "a file that says nobody is refused by the adapter, by name" wait_for 5 \
  grep -q 'c2.json is not taken' "$W/usherd.log"
check "and whoever waits for its verdict hears why" wait_for 5 grep -q "nobody's name" /run/files/c2.verdict
finish
