// The payloads that we send over NRI. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace usher::nri {

struct Hook {
  std::string path;
  std::vector<std::string> args;
  std::vector<std::string> env;
  std::int64_t timeout = 0;  // seconds
};

// What a container gets beside what it has; hooks of several plugins are appended.
struct Hooks {
  std::vector<Hook> create_runtime;
  std::vector<Hook> poststop;
};

// `index`: two digits.
std::string write_register(const std::string& name, const std::string& index);
// `events`: never 0, which would mean all of them.
std::string write_configured(std::int32_t events);
// `more` as the request said, else the runtime closes the connection.
std::string write_synchronized(bool more);
std::string write_adjustment(const Hooks& hooks);

}  // namespace usher::nri
