// One loaded adapter from create to destroy.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "adapter/bridge.hpp"
#include "adapter/host.hpp"
#include "adapter/library.hpp"

namespace usher::adapter {

// Is the runtime here? Ok, or why not; an error's code is ENOENT where the adapter said
// "absent", EINVAL where it does not take these settings.
Result<> probe(const Library& library, const Config& config);

class Instance {
 public:
  // Calls the adapter's create; EINVAL as probe's. `bridge` is this instance's alone; the host
  // closes it.
  static Result<std::unique_ptr<Instance>> create(asio::io_context& loop, Library library,
                                                  const Config& config, Bridge& bridge);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  // One that runs still is asked to stop and then left alone for ever: its memory is not freed.
  ~Instance();

  const Library& library() const { return library_; }
  bool serves(std::string_view runtime) const;

  Result<> start();
  // usher.guest-relay/1, where it runs and has one; else nothing.
  void tell_container(AdapterEvent::Kind kind, const identity::Identity& identity);
  void tell_policies(const std::string& sandbox_id, const GuestPolicies& policies);
  // An answer with EAGAIN is not passed on: the adapter is asked again until the deadline.
  asio::awaitable<Result<identity::Identity>> identify(std::string runtime,
                                                       identity::OciState state,
                                                       std::string raw_state,
                                                       std::chrono::milliseconds deadline);
  // `stopped` is called on the loop, never from within, unless the adapter never answers.
  void stop(std::function<void(Result<>)> stopped);

 private:
  Instance(asio::io_context& loop, Library library, Bridge& bridge);
  struct Question;
  asio::awaitable<Result<identity::Identity>> ask(const Question& question);
  asio::io_context& loop_;
  Library library_;
  usher_oci oci_{};
  usher_guest_relay relay_{};
  Bridge& bridge_;
  void* instance_ = nullptr;
  enum class State : std::uint8_t { created, running, stopping, stopped } state_ = State::created;
};

}  // namespace usher::adapter
