#!/bin/bash
# tests: native
# timeout: 300
# As containerd_storm.sh, on containerd 1.6, shorter. 1.6 has no NRI: hook and CRI carry it alone.
CONTAINERD=1.6 ROUNDS=2 EACH=6
# shellcheck source=containerd_storm.sh
. "$(dirname "$0")/containerd_storm.sh"
