#!/bin/sh
# dependency_rule.sh CHECKOUT: no part includes what docs/architecture.md keeps from it. Prints each
# line that does.
cd "${1:?usage: dependency_rule.sh CHECKOUT}" || exit 2
broken=0
# keep WHAT PATTERN FOLDER…: no source in the folders includes a header that the pattern matches.
keep() {
  what=$1 pattern=$2
  shift 2
  if grep -rnE "#include [<\"]($pattern)" "$@"; then
    echo "  $what is not for these (docs/architecture.md)"
    broken=1
  fi
}
others() { # core's parts but those named
  for part in core/*/; do
    case " include $* " in *" $(basename "$part") "*) ;; *) echo "$part" ;; esac
  done
}
# shellcheck disable=SC2046  # one word for each part
keep gRPC 'grpc|[^>"]*[.]grpc[.]pb[.]h' $(others api) plugins
# shellcheck disable=SC2046
keep libbpf 'bpf/|[^>"]*[.]skel[.]h' $(others enforce) plugins
# shellcheck disable=SC2046
keep dlopen 'dlfcn[.]h' $(others adapter) plugins
keep asio 'asio' core/base core/identity core/policy core/enforce core/hook core/ctl plugins
keep 'another part' 'agent/|adapter/|api/|enforce/|guest/|policy/|ctl/|hook/' core/base core/identity
keep 'another part' 'agent/|adapter/|api/|enforce/|guest/|ctl/|hook/' core/policy
keep 'another part' 'agent/|adapter/|api/|enforce/|guest/|policy/|identity/|ctl/' core/hook
keep 'another part' 'agent/|api/|enforce/|guest/|policy/|ctl/|hook/' core/adapter
keep 'another part' 'agent/|adapter/|enforce/|guest/|policy/|identity/|ctl/|hook/' core/api
keep 'another part' 'agent/|adapter/[^h]|api/|enforce/|policy/|ctl/|hook/' core/guest
keep 'a part of the agent' 'agent/|adapter/|api/|enforce/|policy/|identity/|ctl/|hook/' plugins
exit $broken
