// The agent's log: one line per entry, fields as key=value on a terminal and as JSON otherwise.
// Values are escaped here: they may come from containers. Messages are words of ours with parts
// that were escaped before; what is not printable in them is escaped too.
#pragma once

#include <spdlog/common.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace spdlog {
class logger;
}

namespace usher::agent {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { automatic, text, json };

struct LogField {
  std::string_view key;
  std::string value;
};
using LogFields = std::vector<LogField>;

class Log {
 public:
  // Writes to stderr; automatic = text where that is a terminal.
  Log(LogLevel level, LogFormat format);
  // Writes to `sink` (tests).
  Log(LogLevel level, LogFormat format, spdlog::sink_ptr sink);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string_view message, const LogFields& fields = {});
  void debug(std::string_view m, const LogFields& f = {}) { write(LogLevel::debug, m, f); }
  void info(std::string_view m, const LogFields& f = {}) { write(LogLevel::info, m, f); }
  void warning(std::string_view m, const LogFields& f = {}) { write(LogLevel::warning, m, f); }
  void error(std::string_view m, const LogFields& f = {}) { write(LogLevel::error, m, f); }

 private:
  LogLevel level_;
  bool json_;
  std::unique_ptr<spdlog::logger> logger_;
};

std::string_view word(LogLevel level);

}  // namespace usher::agent
