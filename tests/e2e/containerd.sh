#!/bin/bash
# tests: native
# timeout: 300
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
. "$E2E/containerd_lib.sh"
CTD_NRI=1
containerd_world "${CONTAINERD:-2.1}"
n=0
for m in ${MODES:-nri inject}; do
  mode $m
  n=$((n+1))
  read -r S I < <(pod payments "api$n" "$(uid $n)" --label app=api --container init --command /denied/probe --command mark --command /tmp/init-$n 2>$W/out/pod)
  cat $W/out/pod
  echo "S=$S I=$I"
  ran init-$n && not_ok "$m: denied ran" || ok "$m: it never ran"
  killed_by_policy $I && ok "killed" || not_ok "killed"
done
cp $W/usherd.log /tmp/usherd.log; cp $CTD/log /tmp/ctd.log
finish
