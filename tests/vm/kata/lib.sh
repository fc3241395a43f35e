# shellcheck shell=bash
# A guest of Kata as its hooks see it, in the virtual machine or beside the tests: usher-kata-agent
# with our hook in its guest_hook_path. README.md says what is played here and how.
#
#   kata_hooks FOLDER LINE…    makes guest_hook_path: the hook three times, and usher-hook.conf
#   kata_spec OUT KIND ID SANDBOX NAMESPACE POD CONTAINER ARG…
#                              a config.json as containerd's shim hands it on (needs jq); KIND:
#                              sandbox or container
#   kata_agent_start ROOTFS RUN CGROUPS LOG
#   kata COMMAND…              one command to it; its answer in $ANSWER; fails where that is an error
#   kata_agent_stop

KATA_FIXTURES=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/oci" && pwd)

kata_hooks() {
  local folder=$1 stage
  shift
  for stage in prestart poststart poststop; do
    mkdir -p "$folder/$stage"
    cp "$BIN/usher-hook" "$folder/$stage/usher-hook"
  done
  printf '%s\n' "$@" >"$folder/usher-hook.conf"
}

kata_spec() {
  local out=$1 kind=$2 id=$3 sandbox=$4 namespace=$5 pod=$6 container=$7
  shift 7
  jq -c --arg kind "$kind" --arg id "$id" --arg sandbox "$sandbox" --arg namespace "$namespace" \
    --arg pod "$pod" --arg container "$container" '
    .annotations += {
      "io.kubernetes.cri.sandbox-id": $sandbox,
      "io.kubernetes.cri.sandbox-name": $pod,
      "io.kubernetes.cri.sandbox-namespace": $namespace,
      "io.katacontainers.pkg.oci.container_type":
        (if $kind == "sandbox" then "pod_sandbox" else "pod_container" end),
      "io.katacontainers.pkg.oci.bundle_path":
        ("/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + $id)}
    | if $kind == "container" then .annotations["io.kubernetes.cri.container-name"] = $container else . end
    | .linux.cgroupsPath |= sub("[^/]*$"; $id)
    | .process.args = $ARGS.positional
    | del(.hooks)' --args "$@" \
    <"$KATA_FIXTURES/containerd-2.1.9-nri-$kind-config.json" >"$out"
}

kata_agent_start() {
  coproc KATA { exec "$BIN/tests/usher-kata-agent" --rootfs "$1" --run "$2" --cgroups "$3" 2>>"$4"; }
  # bash forgets these when the program has ended.
  KATA_IN=${KATA[1]} KATA_OUT=${KATA[0]} KATA_AGENT=$KATA_PID
}

kata() {
  echo "$*" >&"$KATA_IN"
  IFS= read -r ANSWER <&"$KATA_OUT" || ANSWER="error the agent has ended"
  [[ $ANSWER == ok* ]]
}

kata_agent_stop() {
  [ -n "${KATA_AGENT:-}" ] || return 0
  exec {KATA_IN}>&-
  wait "$KATA_AGENT" 2>/dev/null
  KATA_AGENT=
}
