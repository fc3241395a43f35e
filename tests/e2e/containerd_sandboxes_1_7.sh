#!/bin/bash
# tests: native
# timeout: 300
# As containerd_sandboxes.sh, on containerd 1.7, which tells of a sandbox before its process starts.
CONTAINERD=1.7
# shellcheck source=containerd_sandboxes.sh
. "$(dirname "$0")/containerd_sandboxes.sh"
