// usherctl's command line: parses it, runs one command, gives the exit code.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "api/client.hpp"
#include "ctl/doctor.hpp"
#include "ctl/terminal.hpp"

namespace usher::ctl {

// What the commands reach outside: a test puts its own in place.
struct Surroundings {
  std::function<api::Answer<std::unique_ptr<api::Client>>(const std::filesystem::path& socket,
                                                          std::chrono::milliseconds timeout)>
      connect = api::Client::connect;
  std::function<Sources()> sources;
};

// `terminal.json` is set by --json. Never throws for what a user can type.
int run(int argc, const char* const* argv, Terminal terminal, const Surroundings& surroundings);

}  // namespace usher::ctl
