// A runtime that kills its hook in mid call: the connection breaks without a word.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "agent_double.hpp"

namespace usher::api::test {

BOOST_AUTO_TEST_CASE(a_hook_that_is_killed_in_mid_call_cancels_the_handler) {
  if (::geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: the agent speaks to root only, and this is not root");
    return;
  }
  // The hook is forked before this process starts any of gRPC's threads.
  const TemporaryDirectory directory;
  const auto socket = directory / "hook.sock";
  int pipe_ends[2];
  BOOST_REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t hook = ::fork();
  if (hook == 0) {
    char go = 0;
    (void)!::read(pipe_ends[0], &go, 1);
    auto client = Client::connect(socket, std::chrono::seconds(60));
    if (client) {
      v1::HookRequest request;
      request.set_state(HandlersDouble::kHang);
      (void)(*client)->hook(request);
    }
    ::_exit(0);
  }
  AgentDouble agent([&](ServerOptions& options) {
    options.hook_socket = socket;
    options.hook_deadline = std::chrono::seconds(60);
  });
  BOOST_REQUIRE(::write(pipe_ends[1], "g", 1) == 1);
  BOOST_TEST(eventually([&] { return agent.handlers.hooks_waiting == 1; }));
  ::kill(hook, SIGKILL);
  ::waitpid(hook, nullptr, 0);
  BOOST_TEST(eventually([&] { return agent.handlers.hooks_cancelled == 1; }));
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

}  // namespace usher::api::test
