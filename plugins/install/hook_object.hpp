// Our hook as an object of OCI's runtime configuration, which every installer writes somewhere.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "install/options.hpp"

namespace usher::install {

// poststop only hints: a container's end does not wait longer for an agent that is away.
std::int64_t timeout_of(const Options& options, const char* stage);

// {path, args, env, timeout}. `stage` is createRuntime or poststop.
nlohmann::ordered_json hook_object(const Options& options, const std::string& program,
                                   const char* stage);

}  // namespace usher::install
