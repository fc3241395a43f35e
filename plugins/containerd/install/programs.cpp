#include "containerd/install/programs.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>

#include "base/escape.hpp"
#include "containerd/install/serving.hpp"

namespace usher::containerd {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDeadline{10};  // the first start of a large program on a busy node
constexpr std::size_t kMaxOutput = 4U << 20;
constexpr std::array kDirectories = {"/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/opt/bin"};

// The last line of what a program says when it fails, which is its reason.
std::string last_line(std::string text) {
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  const auto start = text.rfind('\n');
  return escape(start == std::string::npos ? text : text.substr(start + 1)).substr(0, 600);
}

}  // namespace

std::string Programs::seen(const std::string& path, const std::string& chosen) const {
  return chosen.empty() ? path : node_.follow(path).string();
}

Result<std::vector<std::string>> Programs::command(const std::string& program,
                                                   const std::string& chosen,
                                                   std::vector<std::string> arguments) const {
  std::string path = chosen;
  std::error_code none;
  std::vector<std::string> directories(kDirectories.begin(), kDirectories.end());
  if (const auto runs = chosen.empty() ? program_that_runs(options_, node_) : ""; !runs.empty()) {
    directories.insert(directories.begin(), fs::path(runs).parent_path());
  }
  for (const auto& directory : directories) {
    const std::string candidate = directory + "/" + program;
    if (path.empty() && fs::exists(node_.follow(candidate), none)) {
      path = candidate;
    }
  }
  if (path.empty()) {
    return fail("there is no " + program + " in " + kDirectories.front() + ", …, " +
                kDirectories.back() + " of the node; the setting " + program + " names it");
  }
  std::vector<std::string> command = {path};
  if (chosen.empty() && options_.root != "/") {
    const char* const chroot =
        ::access("/usr/sbin/chroot", X_OK) == 0 ? "/usr/sbin/chroot" : "/usr/bin/chroot";
    command = {chroot, options_.root, path};
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Result<std::vector<std::string>> Programs::containerd(std::vector<std::string> arguments) const {
  return command("containerd", options_.containerd, std::move(arguments));
}

std::vector<std::string> Programs::environment() {
  return {"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
}

Result<install::Output> Programs::run(const std::string& program, const std::string& chosen,
                                      std::vector<std::string> arguments) const {
  const auto words = command(program, chosen, std::move(arguments));
  if (!words) {
    return std::unexpected(words.error());
  }
  auto output = install::run_command(*words, environment(), kDeadline, kMaxOutput);
  std::string said;
  for (const auto& word : *words) {
    said += (said.empty() ? "" : " ") + word;
  }
  if (!output) {
    return fail_in(escape(said), output.error());
  }
  if (output->status != 0) {
    return fail(escape(said) + ": " + last_line(output->err.empty() ? output->out : output->err));
  }
  return output;
}

Result<Generation> Programs::generation() const {
  const auto output = run("containerd", options_.containerd, {"--version"});
  if (!output) {
    return std::unexpected(output.error());
  }
  return generation_of(output->out);
}

Result<TomlView> Programs::dump(const std::string& config) const {
  const auto output = run("containerd", options_.containerd,
                          {"--config", seen(config, options_.containerd), "config", "dump"});
  if (!output) {
    return std::unexpected(output.error());
  }
  return view_toml(output->out, "containerd config dump");
}

Result<std::string> Programs::default_spec() const {
  auto output = run("ctr", options_.ctr, {"oci", "spec"});
  if (!output) {
    return std::unexpected(std::move(output.error()));
  }
  return std::move(output->out);
}

Result<std::string> Programs::plugins(const std::string& address) const {
  auto output =
      run("ctr", options_.ctr, {"--address", seen(address, options_.ctr), "plugins", "ls"});
  if (!output) {
    return std::unexpected(std::move(output.error()));
  }
  return std::move(output->out);
}

}  // namespace usher::containerd
