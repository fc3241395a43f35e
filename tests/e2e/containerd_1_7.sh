#!/bin/bash
# tests: native
# timeout: 300
# As containerd.sh, on containerd 1.7, where NRI is off unless it is asked for.
CONTAINERD=1.7
# shellcheck source=containerd.sh
. "$(dirname "$0")/containerd.sh"
