// A runtime's unix socket, whose word is taken from root alone.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::cri {

// Connects without waiting, non-blocking and close-on-exec; `what` names the socket in an error:
// "the CRI socket". A listener of another user is an error.
Result<Fd> connect_to_root(const std::string& path, std::string_view what);

}  // namespace usher::cri
