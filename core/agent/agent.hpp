// The agent: one loop that owns all state. This is where the parts are joined; what they do is in
// their own files.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "agent/adoption.hpp"
#include "agent/config.hpp"
#include "agent/directory_watch.hpp"
#include "agent/enrolment.hpp"
#include "agent/feed.hpp"
#include "agent/guest_side.hpp"
#include "agent/guests.hpp"
#include "agent/lifetimes.hpp"
#include "agent/policy_store.hpp"
#include "agent/service.hpp"
#include "agent/service_manager.hpp"
#include "agent/unenrolled.hpp"
#include "api/server.hpp"
#include "base/fd.hpp"

namespace usher::agent {

class Agent {
 public:
  Agent(Config config, Log& log);
  ~Agent();

  // Everything up to the first accepted call. Nothing that enforces is taken away on an error.
  Result<> open();
  // Until SIGTERM or SIGINT. What is enforced stays enforced.
  void run();

 private:
  Result<std::unique_ptr<enforce::Enforcer>> open_enforcer() const;
  Result<> open_state();
  Result<> open_guest();
  Result<> open_policies();
  void open_guests();
  Result<> open_adapters();
  Result<> take_over();
  Result<> answer_unenrolled();
  Result<> open_service();
  void watch();
  void tell_ready();
  void pump_events();
  void look_after_sockets();
  void on_kernel_event(const usher_kernel_event& record);
  void on_signal();
  void every(asio::steady_timer& timer, std::chrono::seconds period, std::function<void()> work);
  void reload(std::string_view why);
  void collect_failed_open();
  void report_suppressed();
  std::vector<std::string> warnings() const;
  asio::awaitable<void> stop();

  // Declared so that the cache of profiles goes before whoever holds profiles: an agent that stops
  // retires none (profile_cache.hpp).
  Config config_;
  asio::io_context loop_{1};
  Fd lock_;
  Hub hub_;
  Journal journal_;
  ServiceManager manager_;
  asio::signal_set signals_;
  std::unique_ptr<enforce::Enforcer> enforcer_;
  Locator locator_;
  std::optional<RuleTable> rules_;
  std::optional<Records> records_;
  Registry registry_;
  Resolution policies_;
  std::optional<PolicyStore> store_;
  std::optional<Prepared> prepared_;
  std::optional<UnenrolledPods> unenrolled_;
  std::optional<ProfileCache> profiles_;
  std::optional<Lifetimes> lifetimes_;
  std::unique_ptr<GuestSide> guest_;  // null: this is a node's agent
  std::unique_ptr<adapter::Host> adapters_;
  Sandboxes sandboxes_;
  std::optional<Guests> guests_;
  std::optional<Enrolment> enrolment_;
  std::optional<Feed> feed_;
  std::optional<Service> service_;
  std::unique_ptr<api::Server> server_;
  asio::posix::stream_descriptor events_;
  asio::steady_timer suppressed_timer_;
  asio::steady_timer sweep_timer_;
  asio::steady_timer sockets_timer_;
  std::vector<std::string> lost_sockets_;  // what was told of them last
  DirectoryWatch policy_watch_;
  DirectoryWatch spool_watch_;
  Adopted adopted_;
  std::uint64_t failed_open_ = 0;
  std::int64_t boot_offset_ = 0;
  bool stopping_ = false;
};

}  // namespace usher::agent
