# shellcheck shell=bash
# A real containerd for the tests of what speaks CRI. Sourced after tests/e2e/lib.sh, inside world():
# containerd lives in that mount namespace and in a network namespace of its own.
#
#   containerd_start 2.1|1.7|1.6   a server on $CRI; skips the test where it cannot be had
#   containerd_stop                the server goes, containers stay
#   containerd_end                 pods, server and shims go; call it in a trap: it keeps the exit code
#   CTD_NRI=1, CTD_BASE_SPEC=FILE  before the first start: NRI on $NRI, a base spec for the runtime runc
#   CTD_ENTRYPOINT=JSON            before the first start: of the image, which is the sandboxes' too
#   pod NAMESPACE NAME UID [cri_pods' options…]     see cri_pods --help; prints "SANDBOX CONTAINER"
CTD_LAB=$ROOT/tests/lab/containerd
CTD=$W/containerd
CRI=$CTD/cri.sock
NRI=$CTD/nri.sock

containerd_start() {
  local sleeper='["/bin/sh","-c","trap exit TERM; while :; do sleep 1000 & wait; done"]'
  CTD_VERSION=$1
  if [ -z "${CTD_TREE:-}" ]; then
    CTD_TREE=$("$CTD_LAB/fetch" "$CTD_VERSION" 2>"$W/fetch.log") || {
      grep -m1 'cannot be had' "$W/fetch.log" && exit 77
      cat "$W/fetch.log"
      exit 1
    }
    mkdir -p "$CTD"/{root,state,cni,opt,tmp} /run/containerd
    mount -t tmpfs none /run/containerd || skip_all "cannot mount a tmpfs"
    containerd_config
    "$CTD_LAB/image" "$CTD/box.tar" localhost/usher/box:1 \
      "${CTD_ENTRYPOINT:-$sleeper}" "$W/rootfs"
  fi
  PATH=$CTD_TREE/usr/bin:$PATH TMPDIR=$CTD/tmp \
    unshare -n "$CTD_TREE/usr/bin/containerd" -c "$CTD/config.toml" >>"$CTD/log" 2>&1 </dev/null &
  CTD_PID=$!
  wait_for 30 containerd_answers || {
    tail -n 5 "$CTD/log" | sed 's/^/# /'
    not_ok "containerd $CTD_VERSION starts"
    finish
  }
  ctr -n k8s.io images ls -q | grep -q usher/box ||
    ctr -n k8s.io images import "$CTD/box.tar" >"$W/import.log" 2>&1 || {
    sed 's/^/# /' "$W/import.log"
    not_ok "containerd takes the test's image"
    finish
  }
}

# The program of many megabytes only when there is somebody to ask.
containerd_answers() { [ -S "$CRI" ] && ctr version; }
ctr() { "$CTD_TREE/usr/bin/ctr" -a "$CRI" "$@"; }
pods() { "$BIN/tests/cri_pods" "$CRI" "$@"; }
pod() {
  local namespace=$1 name=$2 uid=$3
  shift 3
  pods pod --namespace "$namespace" --name "$name" --uid "$uid" --cgroup-parent "$CG" "$@"
}

# 1.x and 2.x have the same settings under other names.
containerd_config() {
  local runtime='io.containerd.grpc.v1.cri' version=2 sandbox
  sandbox='sandbox_image = "localhost/usher/box:1"'
  if [ "$CTD_VERSION" = 2.1 ]; then
    version=3 runtime='io.containerd.cri.v1.runtime' sandbox=
  fi
  local nri=', "io.containerd.nri.v1.nri"'
  [ -z "${CTD_NRI:-}" ] || nri=
  local spec=
  [ -z "${CTD_BASE_SPEC:-}" ] || spec="base_runtime_spec = \"$CTD_BASE_SPEC\""
  CG=/usher-test-$$
  {
    cat <<T
version = $version
root = "$CTD/root"
state = "$CTD/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"$nri]
[grpc]
  address = "$CRI"
[ttrpc]
  address = "$CRI.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$CTD/opt"
[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
T
    [ "$version" = 2 ] || cat <<T
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "localhost/usher/box:1"
[plugins."$runtime"]
T
    cat <<T
  $sandbox
  enable_selinux = false
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins."$runtime".cni]
  conf_dir = "$CTD/cni"
[plugins."$runtime".containerd]
  default_runtime_name = "runc"
[plugins."$runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  $spec
[plugins."$runtime".containerd.runtimes.runc.options]
  BinaryName = "$CTD_LAB/runc-here"
[plugins."$runtime".containerd.runtimes.other]
  runtime_type = "io.containerd.runc.v2"
[plugins."$runtime".containerd.runtimes.other.options]
  BinaryName = "$CTD_LAB/runc-here"
T
    [ -z "${CTD_NRI:-}" ] || cat <<T
[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "$NRI"
  plugin_path = "$CTD/nri-plugins"
  plugin_config_path = "$CTD/nri-conf"
T
  } >"$CTD/config.toml"
}

containerd_stop() {
  [ -n "${CTD_PID:-}" ] || return 0
  kill "$CTD_PID" 2>/dev/null
  wait "$CTD_PID" 2>/dev/null
  CTD_PID=
}

containerd_end() {
  local status=$?
  [ -z "${CTD_PID:-}" ] || pods list 2>/dev/null | awk '$1 == "sandbox" {print $2}' |
    while read -r id; do pods remove "$id" >/dev/null 2>&1; done
  containerd_stop
  # A shim that is left is ours when it serves our socket.
  local shim
  for shim in /proc/[0-9]*; do
    case $(readlink "$shim/exe" 2>/dev/null) in
      "$CTD_TREE"/usr/bin/containerd-shim*)
        tr '\0' ' ' <"$shim/cmdline" 2>/dev/null | grep -qF "$CRI" && kill -9 "${shim##*/}" 2>/dev/null ;;
    esac
  done
  mount | awk -v under="$CTD/" 'index($3, under) == 1 {print $3}' | sort -r |
    while read -r where; do umount -l "$where" 2>/dev/null; done
  umount -l /run/containerd 2>/dev/null
  return $status
}
