#include "containerd/install/in_force.hpp"

#include <cerrno>
#include <optional>

#include "cri/client.hpp"
#include "install/poll_loop.hpp"

namespace usher::containerd {
namespace {

cri::Detached store(cri::Task<Result<std::string>> task, std::optional<Result<std::string>>& to) {
  to = co_await std::move(task);
}

}  // namespace

Result<Handlers> in_force(const std::string& socket, std::chrono::milliseconds deadline) {
  install::PollLoop loop;
  std::optional<Result<std::string>> config;
  cri::Client client(cri::Loop(loop.table(), &loop), socket, deadline);
  store(client.config(), config);
  loop.run([&] { return config.has_value(); },
           std::chrono::steady_clock::now() + deadline + std::chrono::seconds(1));
  client.close();
  if (!config) {
    return fail("it does not answer", ETIMEDOUT);
  }
  return *config ? handlers_in(**config) : std::unexpected(config->error());
}

}  // namespace usher::containerd
