#!/bin/bash
# tests: both
# timeout: 300
# Connect and bind rules: IPv4, IPv6, mapped, unspecified, UDP by connect and sendto, AF_UNSPEC, and
# socket types that no rule can judge. Unix sockets are not touched.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
world "$@"
policy sockets <<'T'
[policy]
name = "sockets"
[select]
namespaces = ["payments"]
[[rule]]
name = "no-block"
on = "connect"
to = ["10.9.0.0/16", "fd00:9::/32"]
except = ["10.9.1.0/24"]
action = "deny"
[[rule]]
name = "no-loopback-db"
on = "connect"
to = ["127.0.0.0/8", "::1/128"]
ports = ["5432", "6000-6999"]
action = "deny"
[[rule]]
name = "no-low-ports"
on = "bind"
ports = ["1-1023"]
action = "deny"
T
policy allowlist <<'T'
[policy]
name = "allowlist"
[select]
namespaces = ["strict"]
[defaults]
connect = "deny"
bind = "deny"
[[rule]]
name = "server"
on = "bind"
ports = ["8080"]
action = "allow"
[[rule]]
name = "web"
on = "connect"
to = ["10.9.0.0/16"]
ports = ["443"]
protocols = ["tcp"]
action = "allow"
T
need_agent
rt=$(runtimes | tail -1)
probe=/usr/bin/probe
bundle sock payments sock main -- $probe sleep
bundle strict strict strict main -- $probe sleep
run_detached "$rt" sock || not_ok "sock runs"
run_detached "$rt" strict || not_ok "strict runs"
# lo up and routes inside, so that what is allowed goes somewhere.
for n in sock strict; do
  pid=$("$rt" --root "$W/state.$rt" state $n | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
  nsenter -t "$pid" -n sh -c 'ip link set lo up; ip route add local 10.9.0.0/16 dev lo; ip -6 route add local fd00:9::/32 dev lo' 2>/dev/null
done
c=sock
is() { # is 0|1 TEXT ARG…
  local want=$1 text=$2 got
  shift 2
  exec_in "$rt" "$c" $probe "$@"
  got=$?
  if [ "$got" -eq "$want" ]; then ok "$text"; else not_ok "$text: exit $got, expected $want: $(tail -n 1 "$W/out/$c.exec")"; fi
}
is 1 "tcp to a denied block" connect 4 tcp 10.9.2.3 80
is 0 "tcp to its exception" connect 4 tcp 10.9.1.3 80
is 0 "tcp elsewhere" connect 4 tcp 10.8.0.1 80
is 1 "udp connect to a denied block" connect 4 udp 10.9.2.3 53
is 1 "udp sendto a denied block" sendto 4 udp 10.9.2.3 53
is 0 "udp sendto elsewhere" sendto 4 udp 127.0.0.1 53
is 1 "IPv6 to a denied block" connect 6 tcp fd00:9::1 80
is 1 "IPv4 mapped into IPv6" connect 6 tcp ::ffff:10.9.2.3 80
is 1 "udp sendto a mapped address" sendto 6 udp ::ffff:10.9.2.3 53
is 1 "a denied port of loopback" connect 4 tcp 127.0.0.1 5432
is 1 "a port in a denied range" connect 4 tcp 127.0.0.1 6999
is 0 "a port beside the range" connect 4 tcp 127.0.0.1 7000
is 1 "0.0.0.0 is loopback" connect 4 tcp 0.0.0.0 5432
is 1 ":: is loopback" connect 6 tcp :: 5432
is 1 "AF_UNSPEC sendto on an IPv4 socket" sendto unspec udp 10.9.2.3 53
is 1 "bind to a denied port" bind 4 tcp 127.0.0.1 80
is 1 "bind to a denied port, IPv6" bind 6 tcp :: 80
is 0 "bind to an allowed port" bind 4 tcp 127.0.0.1 8080
is 0 "listen on an allowed port" listen 4 tcp 127.0.0.1 8081
is 0 "listen without a port where no rule is about it" listen 4 tcp 127.0.0.1 0
is 0 "a unix socket" unix /tmp/none
is 1 "MPTCP" socket 2 1 262
is 1 "a raw socket" socket 2 3 1
is 1 "a packet socket" socket 17 3 768
if [ "$BACKEND" = lsm ]; then
  is 1 "vsock" socket 40 1 0
else
  skip_part "vsock: cgroup programs see the creation of IPv4 and IPv6 sockets only"
fi
is 0 "netlink" socket 16 3 0
c=strict
is 0 "allow-list: what it names" connect 4 tcp 10.9.2.3 443
is 1 "allow-list: another port" connect 4 tcp 10.9.2.3 80
is 1 "allow-list: another protocol" connect 4 udp 10.9.2.3 443
is 1 "allow-list: another address" connect 4 tcp 10.8.0.1 443
is 0 "allow-list: listen on what it names" listen 4 tcp 127.0.0.1 8080
if [ "$BACKEND" = lsm ]; then
  is 1 "allow-list: listen without a port" listen 4 tcp 127.0.0.1 0
  is 1 "allow-list: listen without a port, IPv6" listen 6 tcp ::1 0
else
  skip_part "allow-list: listen without a port: no cgroup program sees it"
fi
[ "$BACKEND" != lsm ] || is 1 "TCP fast open to a denied address" sendto 4 tcp 10.8.0.1 80
check "an event names policy and rule" sh -c "'$BIN/usherctl' --socket '$W/run/admin.sock' events --history 200 --json | grep -q 'no-block'"
delete "$rt" sock
delete "$rt" strict
finish
