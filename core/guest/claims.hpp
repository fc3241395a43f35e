// Claims that wait for the host's verdict. A verdict counts only for the claim whose ticket,
// container and nonce it has. On the loop.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "guest/frames.hpp"
#include "identity/identity.hpp"

namespace usher::guest {

// A container that the host lets start, and whom the host knows it to be.
struct Granted {
  identity::Identity who;
  std::string runtime;  // as the host's policies name it
};

struct PendingClaim {
  PendingClaim(asio::io_context& loop, std::string id) : container_id(std::move(id)), done(loop) {}

  std::string container_id;
  std::uint64_t ticket = 0;
  std::string nonce;        // empty: not asked, or asked on a session that broke off
  asio::steady_timer done;  // cancelled when the answer is there
  std::optional<Result<Granted>> answer;
};

class Claims {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMost = 256;

  explicit Claims(asio::io_context& loop) : loop_(loop) {}

  // An error where too many wait. Its timer runs until `until`.
  Result<std::shared_ptr<PendingClaim>> add(std::string container_id, Clock::time_point until);
  void forget(const PendingClaim& claim) { waiting_.erase(claim.ticket); }

  // The claim as it is asked, under a new nonce.
  Result<v1::FromGuest> ask(PendingClaim& claim);
  // `applied`: the generation of the policies in force here; `problem`: why they are not all.
  // An error: the verdict answers no claim that waits (it may have been given up).
  Result<> answer(const v1::Verdict& verdict, std::uint64_t applied, const std::string& problem);
  // The session broke off: all are to be asked again.
  void lost();
  // Nobody will answer any more.
  void refuse_all(const Error& why);

  bool any() const { return !waiting_.empty(); }

  template <class F>
  void each_unasked(F&& ask) {
    for (auto& [ticket, claim] : waiting_) {
      if (claim->nonce.empty() && !claim->answer) {
        ask(*claim);
      }
    }
  }

 private:
  asio::io_context& loop_;
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, std::shared_ptr<PendingClaim>> waiting_;
};

}  // namespace usher::guest
