// Unary gRPC calls over a unix socket: nghttp2 for HTTP/2, the agent's loop for waiting, no thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <coroutine>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "cri/loop.hpp"
#include "cri/task.hpp"

namespace usher::cri {

// [main] All of it. Held by shared_ptr: a call that is under way keeps it.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  static constexpr std::size_t kMaxMessage = 16U << 20;  // the kubelet's own limit for CRI

  // `lost` is told, from the loop, when a connection that stood has ended, unless by close().
  static std::shared_ptr<Channel> create(Loop loop, std::string socket,
                                         std::function<void(const Error&)> lost,
                                         std::size_t max_message = kMaxMessage);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel();

  // `path`: "/package.Service/Method". Connects first where there is no connection. Errors carry
  // ENOENT (no such socket, or the server's NOT_FOUND), ECONNREFUSED, ECONNRESET (lost meanwhile),
  // ETIMEDOUT, EMSGSIZE, ENOSYS (not implemented), EPERM (the server is not root), ECANCELED.
  Task<Result<std::string>> call(std::string path, std::string request,
                                 std::chrono::milliseconds deadline);
  bool connected() const { return session_ != nullptr; }
  // Ends every call that is under way, with ECANCELED; none is taken any more.
  void close();

 private:
  struct Call;
  struct Callbacks;
  struct DeleteSession {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  Channel(Loop loop, std::string socket, std::function<void(const Error&)> lost,
          std::size_t max_message);
  Result<> connect();
  Result<> open_session();
  Result<> submit(Call& call, std::chrono::milliseconds deadline);
  void receive();
  void flush();
  void drop(const Error& why);
  void finish(Call& call, Result<std::string> result);
  void expire(Call& call, std::chrono::milliseconds deadline);
  void settle_soon();
  void settle();

  Loop loop_;
  std::string socket_;
  std::function<void(const Error&)> lost_;
  std::size_t max_message_;
  Fd fd_;
  std::unique_ptr<nghttp2_session, DeleteSession> session_;
  std::string unsent_;
  std::map<std::int32_t, Call*> calls_;  // by stream; each lives in its coroutine's frame
  std::vector<std::coroutine_handle<>> ready_;
  Registration readable_;
  Registration writable_;
  Registration settling_;
  std::unique_ptr<Error> loss_;  // not told yet
  bool closed_ = false;
};

}  // namespace usher::cri
