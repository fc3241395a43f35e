#include "adapter/host.hpp"

#include <algorithm>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "adapter/instance.hpp"
#include "adapter/library.hpp"
#include "adapter/preflight.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

using State = AdapterInfo::State;

class LoadingHost final : public Host {
 public:
  LoadingHost(asio::io_context& loop, HostOptions options, Sink sink, Log log)
      : loop_(loop), options_(std::move(options)), sink_(std::move(sink)), log_(std::move(log)) {}
  LoadingHost(const LoadingHost&) = delete;
  LoadingHost& operator=(const LoadingHost&) = delete;
  ~LoadingHost() override;

  Result<> start() override;
  asio::awaitable<Result<identity::Identity>> identify(std::string runtime,
                                                       identity::OciState state,
                                                       std::string raw_state,
                                                       std::chrono::milliseconds deadline) override;
  std::vector<AdapterInfo> adapters() const override;
  void serve_guests(GuestDesk& desk) override { guests_ = &desk; }
  void tell_container(AdapterEvent::Kind kind, const identity::Identity& identity) override;
  void tell_policies(const std::string& sandbox_id, const GuestPolicies& policies) override;
  asio::awaitable<void> stop(std::chrono::milliseconds deadline) override;

 private:
  struct Entry {
    AdapterInfo info;
    Bridge* bridge = nullptr;  // never freed; closed by the host
    std::unique_ptr<Instance> instance;
  };

  // Ok also where automatic selection leaves the adapter out: the entry says why.
  Result<> load(const std::filesystem::path& path, Entry& entry);
  Result<> check_unique(const Instance& instance) const;
  Result<> check_config() const;
  Bridge::Hooks hooks_for(Entry& entry);
  void say(int level, const AdapterInfo& info, const std::string& what) const {
    log_(level, info.name, what);
  }

  asio::io_context& loop_;
  HostOptions options_;
  Sink sink_;
  Log log_;
  GuestDesk* guests_ = nullptr;
  std::vector<std::unique_ptr<Entry>> entries_;  // stable: hooks refer to them
};

LoadingHost::~LoadingHost() {
  for (const auto& entry : entries_) {
    entry->instance.reset();
    if (entry->bridge != nullptr) {
      entry->bridge->close();
    }
  }
}

Bridge::Hooks LoadingHost::hooks_for(Entry& entry) {
  return {.sink = sink_,
          .log = log_,
          .health =
              [this, &entry](std::uint32_t health, const std::string& reason) {
                entry.info.health = health == USHER_HEALTHY    ? "healthy"
                                    : health == USHER_DEGRADED ? "degraded"
                                                               : "unhealthy";
                entry.info.reason = reason;
                say(health == USHER_HEALTHY ? USHER_LOG_INFO : USHER_LOG_WARNING, entry.info,
                    entry.info.health + ": " + reason);
              },
          .guests = guests_,
          .gate_deadline = options_.gate_deadline};
}

Result<> LoadingHost::check_unique(const Instance& instance) const {
  for (const auto& other : entries_) {
    if (other->instance == nullptr || other->instance.get() == &instance) {
      continue;
    }
    if (other->info.name == instance.library().name) {
      return fail("an adapter of this name is loaded already, from " + other->info.path.string());
    }
    for (const auto& runtime : instance.library().runtimes) {
      if (other->instance->serves(runtime)) {
        return fail("runtime \"" + escape(runtime) + "\" is served by adapter " + other->info.name +
                    " already; select one of the two");
      }
    }
  }
  return {};
}

Result<> LoadingHost::load(const std::filesystem::path& path, Entry& entry) {
  entry.info.name = path.stem();
  entry.info.path = path;
  auto library = open_library(path, options_.trust_any_owner);
  if (!library) {
    return std::unexpected(std::move(library.error()));
  }
  entry.info.name = library->name;
  entry.info.version = library->version;
  entry.info.path = library->path;
  entry.info.runtimes = library->runtimes;
  entry.bridge = &Bridge::create(loop_, library->name, library->runtimes, hooks_for(entry));
  const auto at = options_.config.find(library->name);
  const Config config = at == options_.config.end() ? Config{} : at->second;
  const auto since = std::chrono::steady_clock::now();
  auto here = probe(*library, config);
  warn_if_slow(*entry.bridge, "probe", since);
  if (!here) {
    if (options_.automatic && here.error().code == ENOENT) {
      entry.info.state = State::not_chosen;
      entry.info.selection = "not chosen: " + here.error().message;
      entry.info.reason = here.error().message;
      return {};
    }
    return fail_in("adapter " + library->name, std::move(here.error()));
  }
  entry.info.selection = options_.automatic ? "chosen: its probe found the runtime on this node"
                                            : "chosen: the configuration names it";
  auto instance = Instance::create(loop_, std::move(*library), config, *entry.bridge);
  auto good = instance ? check_unique(**instance) : std::unexpected(std::move(instance.error()));
  good = good ? (*instance)->start() : good;
  if (!good) {
    return fail_in("adapter " + entry.info.name, std::move(good.error()));
  }
  entry.instance = std::move(*instance);
  entry.info.state = State::running;
  entry.info.health = entry.info.health.empty() ? "healthy" : entry.info.health;
  return {};
}

Result<> LoadingHost::check_config() const {
  for (const auto& [name, config] : options_.config) {
    if (std::ranges::none_of(entries_,
                             [&](const auto& entry) { return entry->info.name == name; })) {
      return fail("the configuration has settings for adapter \"" + escape(name) +
                  "\", which is not in " + options_.directory.string() +
                  " and not selected; remove them or install it");
    }
  }
  return {};
}

Result<> LoadingHost::start() {
  const auto paths = candidates(options_);
  if (!paths) {
    return std::unexpected(paths.error());
  }
  for (const auto& path : *paths) {
    auto& entry = *entries_.emplace_back(std::make_unique<Entry>());
    if (auto good = load(path, entry); !good) {
      entry.info.state = State::failed;
      entry.info.reason = good.error().message;
      entry.info.selection = options_.automatic ? "not chosen: it cannot be used"
                                                : "named by the configuration, and cannot be used";
      say(USHER_LOG_ERROR, entry.info, "not loaded: " + entry.info.reason);
      const auto given = options_.config.find(entry.info.name);
      if (!options_.automatic ||
          (given != options_.config.end() && refuses_settings(good.error(), given->second))) {
        return good;
      }
      continue;
    }
    say(USHER_LOG_INFO, entry.info,
        entry.info.state == State::running
            ? entry.info.selection + "; version " + entry.info.version
            : entry.info.selection);
  }
  return check_config();
}

asio::awaitable<Result<identity::Identity>> LoadingHost::identify(
    std::string runtime, identity::OciState state, std::string raw_state,
    std::chrono::milliseconds deadline) {
  for (const auto& entry : entries_) {
    if (entry->info.state == State::running && entry->instance->serves(runtime)) {
      auto who = co_await entry->instance->identify(runtime, std::move(state), std::move(raw_state),
                                                    deadline);
      co_return who;
    }
  }
  co_return fail("no adapter that runs serves runtime \"" + escape(runtime) +
                 "\"; see usherctl status, and the --runtime that the hook was installed with");
}

std::vector<AdapterInfo> LoadingHost::adapters() const {
  std::vector<AdapterInfo> infos;
  for (const auto& entry : entries_) {
    infos.push_back(entry->info);
    if (entry->bridge != nullptr) {
      infos.back().counters = entry->bridge->counters().all();
    }
  }
  return infos;
}

void LoadingHost::tell_container(AdapterEvent::Kind kind, const identity::Identity& identity) {
  for (const auto& entry : entries_) {
    if (entry->instance != nullptr) {
      entry->instance->tell_container(kind, identity);
    }
  }
}

void LoadingHost::tell_policies(const std::string& sandbox_id, const GuestPolicies& policies) {
  for (const auto& entry : entries_) {
    if (entry->instance != nullptr) {
      entry->instance->tell_policies(sandbox_id, policies);
    }
  }
}

asio::awaitable<void> LoadingHost::stop(std::chrono::milliseconds deadline) {
  struct Waiting {
    explicit Waiting(asio::io_context& loop) : timer(loop) {}
    asio::steady_timer timer;
    std::set<Entry*> left;
  };
  const auto waiting = std::make_shared<Waiting>(loop_);
  waiting->timer.expires_after(deadline);
  for (const auto& entry : entries_) {
    if (entry->info.state != State::running) {
      continue;
    }
    entry->info.state = State::stopped;
    entry->info.health.clear();
    waiting->left.insert(entry.get());
    entry->instance->stop([waiting, this, entry = entry.get()](const Result<>& end) {
      if (!end) {
        say(USHER_LOG_WARNING, entry->info, "stopped with an error: " + end.error().message);
      }
      waiting->left.erase(entry);
      if (waiting->left.empty()) {
        waiting->timer.cancel();
      }
    });
  }
  if (!waiting->left.empty()) {
    std::error_code ignored;
    co_await waiting->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  for (Entry* entry : waiting->left) {
    entry->info.state = State::failed;
    const Misuse misuse{Count::never_stopped,
                        "did not stop within " + std::to_string(deadline.count()) + " ms"};
    entry->info.reason = "it " + misuse.what;
    entry->bridge->misbehaved(misuse);
  }
  for (const auto& entry : entries_) {
    entry->instance.reset();
  }
}

}  // namespace

std::unique_ptr<Host> Host::create(asio::io_context& loop, HostOptions options, Sink sink,
                                   Log log) {
  return std::make_unique<LoadingHost>(loop, std::move(options), std::move(sink), std::move(log));
}

}  // namespace usher::adapter
