// One line to the system's log, because not every runtime shows what a hook says: crun discards it,
// runc shows it only when the hook fails.
#pragma once

#include <string>
#include <string_view>

namespace usher::hook {

inline constexpr const char* kSyslogSocket = "/dev/log";

// Sent to the datagram socket at `path` as usher-hook[PID], an error or else a warning. Never
// waits, and never fails: a machine without a system log is as good as one with a full one.
void write_syslog(const std::string& path, bool error, std::string_view text);

}  // namespace usher::hook
