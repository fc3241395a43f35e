// usher-hook inside a Kata guest, where the guest's runtime runs every program of
// <guest_hook_path>/{prestart,poststart,poststop}/ as [file, "<stage>"], with an empty environment,
// and ignores how it ends.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "hook/conclude.hpp"
#include "hook/stage.hpp"

namespace usher::hook {

// The stage, where this is a guest hook: by the word guest-STAGE, or by the one word STAGE where
// the binary lies in a folder of that name. `program` is the binary's path; empty: unknown.
std::optional<Stage> guest_stage(std::span<const char* const> arguments, std::string_view program);

// The path of this binary, or empty.
std::string own_program();

// Reads the state on standard input, asks whom the configuration beside `program` names and, in
// prestart, kills the container's process unless the answer is GO. poststart and poststop only tell
// the guest's agent, where there is one.
Ending run_guest(Stage stage, std::string_view program);

}  // namespace usher::hook
