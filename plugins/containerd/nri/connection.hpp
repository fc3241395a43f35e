// One connection to a runtime's NRI socket: requests both ways over the multiplexer, on the agent's
// loop. It knows nothing of NRI's messages.
#pragma once

#include <chrono>
#include <coroutine>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"
#include "cri/loop.hpp"
#include "cri/task.hpp"
#include "cri/unsent.hpp"

namespace usher::nri {

inline constexpr std::string_view kPluginService = "nri.pkg.api.v1alpha1.Plugin";
inline constexpr std::string_view kRuntimeService = "nri.pkg.api.v1alpha1.Runtime";

class Connection;

// The answer to one request; given once. Dropped unanswered, it says so to the runtime. One that
// comes after the deadline, or to a connection that is gone, reaches nobody.
class Reply {
 public:
  Reply(std::weak_ptr<Connection> connection, std::uint32_t stream)
      : connection_(std::move(connection)), stream_(stream) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;
  ~Reply() { fail(Code::unavailable, "usher dropped the request"); }

  void ok(std::string_view payload = {});
  void fail(Code code, const std::string& why);

 private:
  void give(const std::string& data);

  std::weak_ptr<Connection> connection_;
  std::uint32_t stream_;
};

// [main] All of it. Held by shared_ptr: what is under way keeps it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  struct Handlers {
    // A request for kPluginService. Requests for others are answered here.
    std::function<void(Request, Reply)> serve;
    // A request was answered here at the deadline, with an error.
    std::function<void(const std::string& method)> late;
    // The connection ended; once, unless by close(). From the loop.
    std::function<void(const Error&)> lost;
  };

  // Requests that wait for an answer at a time; the runtimes send one after the other.
  static constexpr std::size_t kMaxPending = 256;

  // Errors: ENOENT and ECONNREFUSED (nobody listens), EPERM (who listens is not root).
  static Result<std::shared_ptr<Connection>> open(cri::Loop loop, const std::string& socket,
                                                  Handlers handlers);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Each request is answered within this; 0.9 s until it is said.
  void answer_within(std::chrono::milliseconds limit) { answer_within_ = limit; }

  // Calls the runtime. Errors: ETIMEDOUT, ECONNRESET, EPROTO with the runtime's words.
  cri::Task<Result<std::string>> call(std::string method, std::string payload,
                                      std::chrono::milliseconds deadline);
  bool is_open() const { return static_cast<bool>(fd_); }
  // Ends it, after what was answered; `why` is told as its loss.
  void end(Error why);
  // Nothing is told or asked any more.
  void close();

 private:
  friend class Reply;
  struct Call;

  Connection(cri::Loop loop, Fd fd, Handlers handlers)
      : loop_(loop), fd_(std::move(fd)), handlers_(std::move(handlers)), unsent_(loop) {}
  Result<> watch();
  void receive();
  Result<> take(std::string_view bytes);
  void dispatch(Frame frame);
  void serve(Frame frame);
  void answer(std::uint32_t stream, const std::string& data);
  void send(std::uint32_t connection, const Frame& frame);
  void flush();
  void drop(Error why);
  void settle_soon();
  void settle();

  cri::Loop loop_;
  Fd fd_;
  Handlers handlers_;
  std::chrono::milliseconds answer_within_{900};
  MuxReader mux_;
  TtrpcReader asked_;     // of the plugin's connection
  TtrpcReader answered_;  // of the runtime's
  std::vector<Frame> requests_;
  std::vector<Frame> responses_;
  std::uint32_t last_request_ = 0;
  std::uint32_t last_call_ = 0;
  std::map<std::uint32_t, cri::Registration> pending_;  // requests by stream, with their deadlines
  std::map<std::uint32_t, Call*> calls_;                // each lives in its coroutine's frame
  cri::Unsent unsent_;                                  // whole frames
  std::vector<std::coroutine_handle<>> ready_;
  std::unique_ptr<Error> loss_;  // not told yet
  cri::Registration readable_;
  cri::Registration settling_;
};

}  // namespace usher::nri
