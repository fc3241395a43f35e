#!/bin/bash
# tests: native
# timeout: 300
# As containerd_storm.sh, on containerd 1.7, shorter.
CONTAINERD=1.7 ROUNDS=2 EACH=6
# shellcheck source=containerd_storm.sh
. "$(dirname "$0")/containerd_storm.sh"
