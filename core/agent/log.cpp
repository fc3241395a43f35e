#include "agent/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"

namespace usher::agent {

namespace {

// A message is made of words of ours and of parts that are escaped already: its backslashes stay.
std::string shown(std::string_view message) {
  std::string out;
  for (std::size_t begin = 0;;) {
    const auto end = message.find('\\', begin);
    out += escape(message.substr(begin, end - begin));
    if (end == message.npos) {
      return out;
    }
    out += '\\';
    begin = end + 1;
  }
}

bool terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

spdlog::sink_ptr stderr_sink() {
  if (terminal()) {
    return std::make_shared<spdlog::sinks::ansicolor_stderr_sink_st>();
  }
  return std::make_shared<spdlog::sinks::stderr_sink_st>();
}

spdlog::level::level_enum spd(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

std::string json_line(LogLevel level, std::string_view message, const LogFields& fields) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto millis = now.time_since_epoch().count() % 1000;
  nlohmann::ordered_json line;
  line["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                             fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
  line["level"] = word(level);
  line["message"] = shown(message);
  for (const auto& field : fields) {
    line[std::string(field.key)] = escape(field.value);
  }
  return line.dump();
}

std::string text_line(std::string_view message, const LogFields& fields) {
  std::string line = shown(message);
  for (const auto& field : fields) {
    const auto value = escape(field.value);
    const bool quote = value.empty() || value.find_first_of(" =\"") != value.npos;
    const auto* mark = quote ? "\"" : "";
    line += fmt::format("  {}={}{}{}", field.key, mark, value, mark);
  }
  return line;
}

}  // namespace

std::string_view word(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      break;
  }
  return "error";
}

Log::Log(LogLevel level, LogFormat format) : Log(level, format, stderr_sink()) {}

Log::Log(LogLevel level, LogFormat format, spdlog::sink_ptr sink)
    : level_(level),
      json_(format == LogFormat::json || (format == LogFormat::automatic && !terminal())),
      logger_(std::make_unique<spdlog::logger>("usherd", std::move(sink))) {
  logger_->set_level(spdlog::level::debug);
  logger_->set_pattern(json_ ? "%v" : "%H:%M:%S.%e %^%-7l%$ %v");
  logger_->flush_on(spdlog::level::debug);
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, const LogFields& fields) {
  if (level < level_) {
    return;
  }
  logger_->log(spd(level), spdlog::string_view_t(json_ ? json_line(level, message, fields)
                                                       : text_line(message, fields)));
}

}  // namespace usher::agent
