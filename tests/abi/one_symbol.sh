#!/bin/sh
# An adapter exports usher_plugin_v1 and nothing else.
set -eu
symbols=$(nm -D --defined-only "$1" | awk '{print $3}')
if [ "$symbols" != usher_plugin_v1 ]; then
  echo "$1 exports: $symbols"
  echo "an adapter exports usher_plugin_v1 only: link it through usher_adapter() in cmake/Adapter.cmake"
  exit 1
fi
