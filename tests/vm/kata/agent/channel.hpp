// Where requests come from: one line each, and one line of answer.
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::kata {

// False ends the service.
using Obey = std::function<bool(const std::string& request, std::string& answer)>;

// Standard input, until it ends.
void serve_stdin(const Obey& obey);

// Connections, one after the other, each of one request. `where` is vsock:PORT (any context id, as
// Kata's agent listens on port 1024) or unix:PATH.
Result<> serve_connections(const std::string& where, const Obey& obey);

// Calls a service as Kata's runtime does: the unix socket of a hybrid vsock, and the port behind
// it.
Result<std::string> call_guest(const std::string& socket, unsigned port,
                               const std::string& request);

}  // namespace usher::kata
