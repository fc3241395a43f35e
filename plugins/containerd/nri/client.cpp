#include "containerd/nri/client.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/escape.hpp"
#include "containerd/nri/answers.hpp"
#include "usher/plugin.h"

namespace usher::nri {

// Waits in run() until something wakes it: the connection's loss, the socket's return, the stop, or
// the time, where `length` is not 0.
struct Client::Wait {
  Client& client;
  std::chrono::milliseconds length{0};

  bool await_ready() const { return client.stopping_; }
  void await_suspend(std::coroutine_handle<> who) const {
    client.waiter_ = who;
    if (length.count() == 0) {
      return;
    }
    auto timer = client.loop_.timer(length, [&to = client](auto) { to.wake(); });
    if (timer) {
      client.timer_ = std::move(*timer);
    }
  }
  void await_resume() const { client.timer_.cancel(); }
};

Client::Client(cri::Loop loop, Options options, Service& service)
    : loop_(loop),
      options_(std::move(options)),
      service_(service),
      watch_(loop, options_.socket, [this] { socket_made(); }),
      random_(std::random_device{}()) {}

void Client::start() {
  running_ = true;
  run();
}

void Client::stop(std::function<void()> stopped) {
  stopping_ = true;
  watch_.stop();
  if (connection_ != nullptr) {
    connection_->close();
  }
  if (!running_) {
    return stopped();
  }
  stopped_ = std::move(stopped);
  wake();
}

void Client::wake() {
  if (const auto waiter = std::exchange(waiter_, {})) {
    waiter.resume();
  }
}

void Client::tell(State state, const std::string& sentence) {
  state_ = state;
  if (!stopping_) {
    options_.told(state, sentence);
  }
}

// Between three and five quarters of it: the plugins of a node do not all come at once.
std::chrono::milliseconds Client::jittered(std::chrono::milliseconds pause) {
  std::uniform_int_distribution<std::int64_t> spread(pause.count() * 3 / 4, pause.count() * 5 / 4);
  return std::chrono::milliseconds(std::max<std::int64_t>(spread(random_), 1));
}

cri::Detached Client::run() {
  auto pause = options_.first_pause;
  while (!stopping_) {
    made_ = false;
    watch_.look();
    const auto begun = std::chrono::steady_clock::now();
    const auto ended = co_await session();
    if (stopping_) {
      break;
    }
    if (std::chrono::steady_clock::now() - begun >= options_.steady) {
      pause = options_.first_pause;
    }
    const bool refused = std::exchange(refused_, false);
    if (refused) {
      tell(State::refused, sentence_);
    } else {
      tell(state_ == State::absent ? State::absent : State::lost, ended.error().message);
    }
    if (!made_) {
      co_await Wait{*this, jittered(refused ? options_.refused_pause : pause)};
    }
    // A socket that was just made is listened on in a moment.
    pause = made_ ? options_.first_pause : std::min(pause * 2, options_.longest_pause);
  }
  running_ = false;
  if (const auto stopped = std::exchange(stopped_, {})) {
    stopped();
  }
}

// One connection, from the connect to its end, which is always an error.
cri::Task<Result<>> Client::session() {
  Connection::Handlers handlers{
      [this](Request request, Reply reply) { serve(std::move(request), std::move(reply)); },
      [this](const std::string& method) { count_late(method); },
      [this](const Error& why) {
        loss_ = why;
        connection_.reset();
        wake();
      }};
  auto opened = Connection::open(loop_, options_.socket, std::move(handlers));
  if (!opened) {
    co_return std::unexpected(std::move(opened.error()));
  }
  connection_ = std::move(*opened);
  connection_->answer_within(options_.answer_within);
  loss_ = {};
  configured_ = listed_ = false;
  // Requests of the runtime may come before its answer to this.
  auto message = write_register(options_.name, options_.index);
  auto registered =
      co_await connection_->call("RegisterPlugin", std::move(message), options_.register_within);
  if (!registered) {
    if (connection_ != nullptr) {
      connection_->close();
      connection_.reset();
    }
    co_return fail_in("cannot register over " + escape(options_.socket),
                      std::move(registered.error()));
  }
  expect_list();
  while (!stopping_ && connection_ != nullptr && connection_->is_open()) {
    co_await Wait{*this};
  }
  list_timer_.cancel();
  if (connection_ != nullptr) {
    connection_->close();  // its loss is known: told later it would end the pause that follows
    connection_.reset();
  }
  co_return fail(loss_.message.empty() ? "the NRI connection ended" : loss_.message, loss_.code);
}

// A runtime that holds its lock leaves us connected and tells nothing.
void Client::expect_list() {
  if (listed_) {
    return;  // it came before the registration's answer
  }
  auto timer = loop_.timer(options_.list_within, [this](auto) {
    list_timer_.cancel();
    tell(State::silent, "the runtime took the registration over " + escape(options_.socket) +
                            " and has not said within " +
                            std::to_string(options_.list_within.count()) + " ms what it has");
  });
  if (timer) {
    list_timer_ = std::move(*timer);
  }
}

// A runtime that starts anew makes its socket anew, also where its old connection seems to stand.
void Client::socket_made() {
  made_ = true;
  if (connection_ != nullptr && connection_->is_open()) {
    options_.log(USHER_LOG_INFO, escape(options_.socket) + " was made anew: connecting again");
    loss_ = {"the NRI socket was made anew", ECONNRESET};
    connection_->close();
  }
  wake();
}

void Client::count_late(const std::string& method) {
  ++late_;
  if (std::has_single_bit(late_)) {
    options_.log(USHER_LOG_WARNING, "NRI: " + escape(method) + " was not decided within " +
                                        std::to_string(options_.answer_within.count()) +
                                        " ms and answered with an error (" + std::to_string(late_) +
                                        " such answers so far)");
  }
}

void Client::serve(Request request, Reply reply) {
  if (request.method == "Configure") {
    configure(request.payload, std::move(reply));
  } else if (request.method == "Shutdown") {
    options_.log(USHER_LOG_INFO, "the runtime ends its NRI plugins");
    reply.ok();
  } else if (!configured_) {
    reply.fail(Code::failed_precondition,
               escape(request.method) + " before a Configure that usher has accepted");
  } else if (request.method == "Synchronize") {
    synchronize(request.payload, std::move(reply));
  } else if (is_notice(request.method)) {
    auto notice = read_notice(request.method, request.payload);
    if (!notice) {
      options_.log(USHER_LOG_ERROR,
                   "NRI: " + escape(request.method) + " is refused: " + notice.error().message);
      reply.fail(Code::invalid_argument, notice.error().message);
    } else {
      service_.notice(std::move(*notice), std::move(reply));
    }
  } else {
    reply.fail(Code::unimplemented, "method " + escape(request.method));
  }
}

void Client::configure(const std::string& payload, Reply reply) {
  const auto asked = read_configure(payload);
  if (!asked) {
    return reply.fail(Code::invalid_argument, asked.error().message);
  }
  runtime_ = asked->runtime_name + " " + asked->runtime_version;
  if (connection_ != nullptr && asked->request_timeout.count() > 0) {
    connection_->answer_within(
        std::min(options_.answer_within,
                 std::max(asked->request_timeout / 2, std::chrono::milliseconds(1))));
  }
  const auto events = service_.configure(*asked);
  if (!events) {
    refused_ = true;
    sentence_ = events.error().message;
    configured_ = false;
    reply.fail(Code::failed_precondition, sentence_);
    // What it sends is not for us to judge: an answer of ours would not mean there what it means
    // here.
    if (connection_ != nullptr) {
      connection_->end({sentence_, EPERM});
    }
    return;
  }
  configured_ = true;
  reply.ok(write_configured(*events));
}

void Client::synchronize(const std::string& payload, Reply reply) {
  auto part = read_synchronize(payload);
  if (!part) {
    return reply.fail(Code::invalid_argument, part.error().message);
  }
  for (const auto& problem : part->problems) {
    options_.log(USHER_LOG_WARNING, "in the runtime's list, " + problem);
  }
  const bool more = part->more;
  if (const auto taken = service_.synchronize(std::move(*part)); !taken) {
    options_.log(USHER_LOG_ERROR, "the runtime's list is refused: " + taken.error().message);
    return reply.fail(Code::failed_precondition, taken.error().message);
  }
  reply.ok(write_synchronized(more));
  if (!more) {
    listed_ = true;
    list_timer_.cancel();
    tell(State::registered, "registered with " + runtime_ + " over " + escape(options_.socket));
  }
}

}  // namespace usher::nri
