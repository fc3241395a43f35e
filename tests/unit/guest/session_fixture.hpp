// A session towards a relay that is not one, on one loop.
#pragma once

#include <stdlib.h>

#include <asio/co_spawn.hpp>
#include <asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include "fake_relay.hpp"
#include "guest/session.hpp"
#include "run_until.hpp"

namespace usher::guest::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/usher-guest-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct SessionFixture {
  asio::io_context loop;
  TemporaryDirectory directory;
  FakeRelay relay{loop, directory.path() / "relay"};
  std::vector<PolicySet> sets;    // that were put in force, in order
  Applied outcome;                // of each of them
  std::vector<std::string> said;  // to the log
  std::shared_ptr<Session> session = make_session();

  ~SessionFixture() {
    session->stop();
    relay.drop();
    loop.restart();
    loop.poll();
  }

  std::filesystem::path token_file() const { return directory.path() / "token"; }

  std::shared_ptr<Session> make_session() {
    SessionParts parts;
    parts.relay = *parse_relay_address("unix:" + (directory.path() / "relay").string());
    parts.token_file = token_file();
    parts.greeting = {"6.12.0", "tracepoint", 5, "no LSM"};
    parts.apply = [this](const PolicySet& set) {
      sets.push_back(set);
      return outcome;
    };
    parts.log = [this](bool, const std::string& line) { said.push_back(line); };
    parts.timing.first_pause = std::chrono::milliseconds(5);
    parts.timing.longest_pause = std::chrono::milliseconds(20);
    parts.timing.answer = std::chrono::milliseconds(2000);
    return std::make_shared<Session>(loop, std::move(parts));
  }

  template <class F>
  bool until(F&& done) {
    return run_until(loop, std::forward<F>(done));
  }
  void start() {
    session->start();
    BOOST_REQUIRE(until([&] { return session->open() && !relay.applied.empty(); }));
  }

  // A claim that runs; its answer is there when it is.
  using Answer = std::shared_ptr<std::optional<Result<Granted>>>;
  Answer claim(const std::string& id,
               std::chrono::milliseconds deadline = std::chrono::milliseconds(5000)) {
    auto answer = std::make_shared<std::optional<Result<Granted>>>();
    asio::co_spawn(loop, session->claim(id, deadline),
                   [answer](std::exception_ptr, Result<Granted> got) { *answer = std::move(got); });
    return answer;
  }
  Result<Granted> answer_to(const std::string& id,
                            std::chrono::milliseconds deadline = std::chrono::milliseconds(5000)) {
    const auto answer = claim(id, deadline);
    BOOST_REQUIRE(until([&] { return answer->has_value(); }));
    return **answer;
  }
};

// The reason of a claim that must fail.
inline std::string refusal(const Result<Granted>& answer) {
  BOOST_REQUIRE(!answer.has_value());
  return answer.error().message;
}

inline bool has(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) {
    BOOST_TEST_MESSAGE(text);
  }
  return found;
}

}  // namespace usher::guest::test
