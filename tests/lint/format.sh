#!/bin/bash
# timeout: 300
# Every C++, C and BPF source is as scripts/format leaves it.
command -v clang-format-19 > /dev/null || { echo "clang-format-19 is not installed"; exit 77; }
exec "$(dirname "$0")/../../scripts/format" --check
