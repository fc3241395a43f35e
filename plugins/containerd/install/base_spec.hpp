// The base runtime spec of a runtime: what containerd begins every container's config.json with.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "install/options.hpp"

namespace usher::containerd {

enum class SpecOrigin {
  containerd,  // printed by `ctr oci spec`: its rlimits go, which would hit every container
  configured,  // a person's: everything in it stays
};

// `from` with our hooks behind those that it has; an earlier one of ours goes.
// Errors: it is no JSON object, or its hooks are not lists of objects.
Result<std::string> base_spec(std::string_view from, SpecOrigin origin,
                              const install::Options& options, const std::string& program);

// Is it one that base_spec() made, or that somebody made of one?
bool holds_our_hook(std::string_view spec);

// Is it cut short or garbled, so that containerd could begin no container with it?
bool is_no_spec(std::string_view text);

}  // namespace usher::containerd
