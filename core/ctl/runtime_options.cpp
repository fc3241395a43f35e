#include "ctl/runtime_options.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ctl/key_value.hpp"
#include "ctl/runtime.hpp"
#include "ctl/runtime_config.hpp"

namespace usher::ctl {
namespace {

// What was given on the command line, as the adapter's settings.
struct Options {
  std::string adapter;
  std::string directory = "/usr/lib/usher/adapters";
  bool trust_any_owner = false;
  std::string config = kNodeConfig;
  std::string root;
  std::string hooks_dir;
  std::string hook_source;
  std::string hook_dir;
  std::string hook_socket;
  std::string runtime;
  std::string fail;
  std::string mode;
  bool no_start = false;
  std::vector<std::string> handlers;
  std::int64_t hook_timeout = 0;
  std::vector<std::string> exempt_namespaces;
  std::vector<std::string> others;  // KEY=VALUE

  adapter::Config settings() const {
    adapter::Config out;
    const auto set = [&](const char* key, const std::string& value) {
      if (!value.empty()) {
        out[key] = value;
      }
    };
    set("root", root);
    set("hooks_dir", hooks_dir);
    set("hook_source", hook_source);
    set("hook_dir", hook_dir);
    set("socket", hook_socket);
    set("runtime", runtime);
    set("fail", fail);
    set("mode", mode);
    if (no_start) {
      out["try_start"] = false;
    }
    if (hook_timeout != 0) {
      out["timeout"] = hook_timeout;
    }
    if (!handlers.empty()) {
      out["runtimes"] = handlers;
    }
    if (!exempt_namespaces.empty()) {
      out["exempt_namespaces"] = exempt_namespaces;
    }
    add_key_values(others, out);
    return out;
  }
};

void add_options(CLI::App& sub, Options& options) {
  sub.add_option("adapter", options.adapter, "The adapter's name, or the path of its .so")
      ->required();
  sub.add_option("--adapters", options.directory, "Where adapters are looked for")
      ->capture_default_str();
  sub.add_flag("--trust-any-owner", options.trust_any_owner,
               "Load an adapter that root does not own");
  sub.add_option("--config", options.config,
                 "The node's configuration: its table [adapters.NAME] holds for what is not given "
                 "here; \"\" reads none")
      ->capture_default_str();
  sub.add_option("--root", options.root, "The node's root directory, seen from here");
  sub.add_option("--hooks-dir", options.hooks_dir, "Where the runtime looks for hooks");
  sub.add_option("--hook-source", options.hook_source, "The usher-hook to install");
  sub.add_option("--hook-dir", options.hook_dir,
                 "The node's directory for it; it lies there as usher-hook-VERSION");
  sub.add_option("--hook-socket", options.hook_socket, "The agent's hook socket");
  sub.add_option("--hook-timeout", options.hook_timeout,
                 "How long the hook waits for the agent, in milliseconds")
      ->check(CLI::PositiveNumber);
  sub.add_option("--runtime", options.runtime,
                 "The runtime that the hook names: cri-o, podman, containerd");
  sub.add_option("--fail", options.fail, "What the hook does without an agent")
      ->check(CLI::IsMember({"closed", "open"}));
  sub.add_option("--mode", options.mode, "containerd: where a start is gated")
      ->check(CLI::IsMember({"closed", "nri", "inject"}));
  sub.add_flag("--no-start", options.no_start,
               "containerd: leave out the trial start on the edited configuration");
  sub.add_option("--handler", options.handlers,
                 "containerd: a runtime of its configuration that gets the hook, repeatable; "
                 "without it all but Kata's");
  sub.add_option("--exempt-namespace", options.exempt_namespaces,
                 "Starts without an agent; a glob, repeatable");
  sub.add_option("--set", options.others, "Any other setting of the adapter: KEY=VALUE")
      ->check(has_equals_sign);
}

}  // namespace

void add_runtime_commands(CLI::App& app, std::function<int(const Terminal&)>& command) {
  auto* runtime = app.add_subcommand(
      "runtime", "Puts Usher's hook into a container runtime's configuration; needs no agent");
  runtime->require_subcommand(1);
  runtime->fallthrough();
  runtime->footer("Example: usherctl runtime plan cri-o");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, RuntimeAction action) {
    auto* sub = runtime->add_subcommand(name, what);
    sub->fallthrough();
    sub->footer(std::string("Example: usherctl runtime ") + name + " cri-o");
    add_options(*sub, *options);
    sub->callback([options, action, &command] {
      command = [options, action](const Terminal& terminal) {
        return run_runtime({.action = action,
                            .adapter = options->adapter,
                            .directory = options->directory,
                            .trust_any_owner = options->trust_any_owner,
                            .config = options->config,
                            .settings = options->settings()},
                           terminal);
      };
    });
  };
  add("plan", "Says what install would change, with differences", RuntimeAction::plan);
  add("install", "Makes the changes; repeating it changes nothing", RuntimeAction::install);
  add("verify", "Fails when something is not as install leaves it", RuntimeAction::verify);
  add("uninstall", "Takes the changes back", RuntimeAction::uninstall);
}

}  // namespace usher::ctl
