#include "adapter/conformance.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "adapter/conformance_rules.hpp"
#include "base/escape.hpp"
#include "base/fd.hpp"

namespace usher::adapter {
namespace {

using Clock = std::chrono::steady_clock;

// What a child writes: lines of a letter and a text. 'd' comes last.
std::string encode(const Findings& findings) {
  std::string out;
  const auto add = [&](char kind, const std::string& text) {
    std::string line = text.substr(0, 2000);
    std::ranges::replace(line, '\n', ' ');
    out += kind + line + '\n';
  };
  for (const auto& failure : findings.failures) {
    add('f', failure);
  }
  for (const auto& warning : findings.warnings) {
    add('w', warning);
  }
  if (!findings.skipped.empty()) {
    add('s', findings.skipped);
  }
  return out + "d\n";
}

Findings decode(const std::string& text, bool& complete) {
  Findings findings;
  complete = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    switch (line.empty() ? '\0' : line.front()) {
      case 'f':
        findings.failures.push_back(line.substr(1));
        break;
      case 'w':
        findings.warnings.push_back(line.substr(1));
        break;
      case 's':
        findings.skipped = line.substr(1);
        break;
      case 'd':
        complete = true;
        break;
      default:
        break;
    }
  }
  return findings;
}

// Reads until the end of file or the deadline; false at the deadline.
bool read_until(int fd, Clock::time_point deadline, std::string& out) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) == 0) {
      return false;
    }
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return true;
    }
    out.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
}

// Runs `body` in a child. How it ended is among the findings.
Findings apart(const std::function<void(Findings&)>& body, std::chrono::milliseconds limit) {
  Findings findings;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    findings.skipped = system_error("cannot make a pipe").message;
    return findings;
  }
  Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    findings.skipped = system_error("cannot fork").message;
    return findings;
  }
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // what an adapter prints is no part of the report
    from = Fd();
    // Whoever runs this may catch signals; a crash is to be a crash.
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM}) {
      ::signal(signal, SIG_DFL);
    }
    Findings found;
    try {
      body(found);
    } catch (const std::exception& error) {
      found.failures.push_back("an exception crossed the ABI: " + std::string(error.what()));
    }
    const std::string text = encode(found);
    const bool written =
        ::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);
  }
  to = Fd();
  std::string text;
  const bool in_time = read_until(from.get(), Clock::now() + limit, text);
  if (!in_time) {
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  bool complete = false;
  findings = decode(text, complete);
  if (!in_time) {
    findings.failures.push_back("it hung: the trial did not end within " +
                                std::to_string(limit.count()) + " ms");
  } else if (!complete) {
    findings.failures.push_back(WIFSIGNALED(status)
                                    ? "it crashed: " + std::string(::strsignal(WTERMSIG(status)))
                                    : "it ended the process, with exit code " +
                                          std::to_string(WEXITSTATUS(status)));
  }
  return findings;
}

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const auto& sentence : sentences) {
    out += (out.empty() ? "" : "; ") + sentence;
  }
  return out;
}

Verdict verdict_of(std::string rule, const Findings& findings) {
  using Result = Verdict::Result;
  if (!findings.failures.empty()) {
    return {std::move(rule), Result::failed, joined(findings.failures)};
  }
  if (!findings.warnings.empty()) {
    return {std::move(rule), Result::warned, joined(findings.warnings)};
  }
  if (!findings.skipped.empty()) {
    return {std::move(rule), Result::skipped, findings.skipped};
  }
  return {std::move(rule), Result::passed, {}};
}

}  // namespace

std::vector<std::string> conformance_rule_ids() {
  std::vector<std::string> ids{"load"};
  for (const Rule& rule : conformance_rules()) {
    ids.emplace_back(rule.id);
  }
  return ids;
}

std::vector<Verdict> check_conformance(const ConformanceOptions& options) {
  // Every trial loads it anew, in a process that is thrown away.
  const auto in_a_process = [&](void (*run)(const Library&, const Config&, Findings&)) {
    return apart(
        [&](Findings& findings) {
          const auto library = open_library(options.path, options.trust_any_owner);
          if (!library) {
            findings.failures.push_back(library.error().message);
          } else if (run != nullptr) {
            run(*library, options.settings, findings);
          }
        },
        options.limit);
  };
  std::vector<Verdict> verdicts{verdict_of("load", in_a_process(nullptr))};
  if (verdicts.front().result == Verdict::Result::failed) {
    return verdicts;
  }
  for (const Rule& rule : conformance_rules()) {
    if (!options.rules.empty() &&
        std::ranges::find(options.rules, rule.id) == options.rules.end()) {
      continue;
    }
    verdicts.push_back(verdict_of(rule.id, in_a_process(rule.run)));
  }
  return verdicts;
}

}  // namespace usher::adapter
