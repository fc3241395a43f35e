// usherd: the node agent.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "adapter/library.hpp"
#include "adapter/preflight.hpp"
#include "agent/agent.hpp"
#include "agent/run_lock.hpp"
#include "guest/relay_address.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

struct Arguments {
  std::string config = "/etc/usher/usher.toml";
  bool check_config = false;
  bool teardown = false;
  bool yes = false;
  bool guest = false;
  std::string relay;
};

constexpr auto kGuestConfig = "/etc/usher/guest.toml";

void add_options(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", "usherd " USHER_VERSION);
  app.add_option("--config", arguments.config, "the node's configuration")->capture_default_str();
  app.add_flag("--check-config", arguments.check_config,
               "read the configuration, say what is wrong with it, start nothing");
  app.add_flag("--teardown", arguments.teardown,
               "end all enforcement: detach and unpin what is in the kernel (asks first)");
  app.add_flag("--yes", arguments.yes, "with --teardown: do not ask");
  auto* guest = app.add_flag(
      "--guest", arguments.guest,
      "run in a guest (a Kata virtual machine): no adapters, no policy directory; who a container "
      "is and which policies are in force, the relay on the host says. --config is a guest.toml "
      "then, and may be left out: /etc/usher/guest.toml is read where it is there");
  app.add_option("--relay", arguments.relay,
                 "with --guest: where the host's relay listens, vsock:PORT (on the host's context "
                 "id) or unix:/PATH; [guest] relay in guest.toml says the same")
      ->needs(guest);
  app.footer(
      "Example:\n  usherd --check-config --config ./usher.toml && usherd --config ./usher.toml\n"
      "Signals: SIGTERM stops (what is enrolled stays enforced), SIGHUP reloads the policies.\n"
      "Exit codes: 0 stopped in order, 1 could not start, 2 bad arguments or configuration.");
}

int teardown(const usher::agent::Config& config, bool yes) {
  const auto lock = usher::agent::lock_run_directory(config.run_dir);
  if (!lock) {
    std::cerr << "usherd: " << lock.error().message << "\n";
    return kFailed;
  }
  std::error_code unknown;
  if (!std::filesystem::exists(config.pins, unknown) && !unknown) {
    std::cout << "nothing is pinned: there is no " << config.pins.string() << "\n";
    return 0;
  }
  if (!yes) {
    std::cout << "This ends enforcement for every workload on this node, those that run included ("
              << config.pins.string() << "). Type yes to go on: " << std::flush;
    std::string answer;
    if (!std::getline(std::cin, answer) || answer != "yes") {
      std::cerr << "usherd: nothing was changed\n";
      return kFailed;
    }
  }
  if (auto done = usher::enforce::Enforcer::teardown(config.pins); !done) {
    std::cerr << "usherd: " << done.error().message << "\n";
    return kFailed;
  }
  std::cout << "enforcement has ended; a start of usherd enrols the workloads on record again\n";
  return 0;
}

int run(usher::agent::Config config) {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(0077);  // whatever is made is root's alone
  usher::agent::Log log(config.log_level, config.log_format);
  usher::agent::Agent agent(std::move(config), log);
  if (auto opened = agent.open(); !opened) {
    log.error("usherd cannot start: " + opened.error().message);
    return kFailed;
  }
  agent.run();
  return 0;
}

int guest_main(Arguments& arguments, bool configured) {
  std::error_code missing;
  if (!configured) {
    arguments.config = kGuestConfig;
  }
  auto [config, errors] = !configured && !std::filesystem::exists(kGuestConfig, missing)
                              ? usher::agent::parse_guest_config("", kGuestConfig)
                              : usher::agent::load_guest_config(arguments.config);
  if (!arguments.relay.empty()) {
    if (const auto relay = usher::guest::parse_relay_address(arguments.relay); !relay) {
      errors.push_back("--relay: " + relay.error().message);
    }
    config.guest_relay = arguments.relay;
  }
  if (errors.empty() && config.guest_relay.empty() && !arguments.teardown) {
    errors.emplace_back(
        "usherd --guest: name the host's relay with --relay vsock:PORT, or as relay under [guest] "
        "in guest.toml");
  }
  for (const auto& error : errors) {
    std::cerr << error << "\n";
  }
  if (!errors.empty()) {
    return kBadInput;
  }
  if (arguments.check_config) {
    std::cout << arguments.config << ": good\n";
    return 0;
  }
  return arguments.teardown ? teardown(config, arguments.yes) : run(std::move(config));
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "usherd: puts a container's Kubernetes identity into the kernel and enforces policy "
      "by it");
  add_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : kBadInput;
  }
  if (arguments.guest) {
    return guest_main(arguments, app.count("--config") != 0);
  }
  // What runs an adapter, or says that it could, needs it; ending enforcement does not.
  auto [config, errors] = usher::agent::load_config(
      arguments.config, arguments.teardown
                            ? usher::agent::AdapterPath()
                            : usher::agent::AdapterPath(usher::adapter::library_path));
  if (!errors.empty()) {
    for (const auto& error : errors) {
      std::cerr << error << "\n";
    }
    if (arguments.teardown) {
      std::cerr << "usherd: --teardown reads only run_dir and [enforcement] pins; where these are "
                   "the defaults, --config /dev/null will do\n";
    }
    return kBadInput;
  }
  if (!arguments.teardown) {
    const auto refused = usher::adapter::refused_settings(usher::agent::host_options(config));
    for (const auto& [adapter, message] : refused) {
      std::cerr << usher::agent::settings_error(config, adapter, message) << "\n";
    }
    if (!refused.empty()) {
      return kBadInput;
    }
  }
  if (arguments.check_config) {
    std::cout << arguments.config << ": good\n";
    return 0;
  }
  return arguments.teardown ? teardown(config, arguments.yes) : run(std::move(config));
}
