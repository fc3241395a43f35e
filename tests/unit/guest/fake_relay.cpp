#include "fake_relay.hpp"

#include <asio/read.hpp>
#include <asio/write.hpp>

namespace usher::guest::test {

using Local = asio::local::stream_protocol;

struct FakeRelay::Connection {
  explicit Connection(Local::socket s) : socket(std::move(s)) {}
  Local::socket socket;
  std::string header = std::string(4, '\0');
  std::string body;
  std::deque<std::string> outgoing;
};

std::string frame_of(const std::string& body) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>(body.size() >> shift);
  }
  return frame + body;
}

FakeRelay::FakeRelay(asio::io_context& loop, std::filesystem::path socket)
    : loop_(loop), socket_(std::move(socket)), acceptor_(loop) {
  verdict = [this](const v1::Claim& claim) { return go(claim); };
  listen();
}

FakeRelay::~FakeRelay() {
  unlisten();
  drop();
}

void FakeRelay::listen() {
  std::filesystem::remove(socket_);
  acceptor_ = Local::acceptor(loop_, Local::endpoint(socket_.string()));
  accept();
}

void FakeRelay::unlisten() {
  std::error_code ignored;
  acceptor_.close(ignored);
  std::filesystem::remove(socket_, ignored);
}

void FakeRelay::drop() {
  if (const auto gone = std::exchange(connection_, nullptr)) {
    std::error_code ignored;
    gone->socket.close(ignored);
  }
}

void FakeRelay::accept() {
  acceptor_.async_accept(
      [this, alive = std::weak_ptr(alive_)](std::error_code problem, Local::socket socket) {
        if (problem || alive.expired()) {
          return;
        }
        connection_ = std::make_shared<Connection>(std::move(socket));
        read(connection_);
        accept();
      });
}

void FakeRelay::read(const std::shared_ptr<Connection>& from) {
  const auto gone = [this, alive = std::weak_ptr(alive_), from](std::error_code problem) {
    if (problem && !alive.expired() && connection_ == from) {
      connection_.reset();
    }
    return problem || alive.expired();
  };
  asio::async_read(from->socket, asio::buffer(from->header),
                   [=, this](std::error_code problem, std::size_t) {
                     if (gone(problem)) {
                       return;
                     }
                     std::size_t length = 0;
                     for (const auto byte : from->header) {
                       length = length << 8 | static_cast<unsigned char>(byte);
                     }
                     from->body.resize(length);
                     asio::async_read(from->socket, asio::buffer(from->body),
                                      [=, this](std::error_code broken, std::size_t) {
                                        v1::FromGuest message;
                                        if (!gone(broken) && message.ParseFromString(from->body)) {
                                          take(from, message);
                                          read(from);
                                        }
                                      });
                   });
}

void FakeRelay::take(const std::shared_ptr<Connection>& from, const v1::FromGuest& message) {
  std::optional<v1::Verdict> answer;
  if (message.has_hello()) {
    hellos.push_back(message.hello());
  } else if (message.has_claim()) {
    claims.push_back(message.claim());
    answer = verdict(message.claim());
  } else if (message.has_applied()) {
    applied.push_back(message.applied());
  } else if (message.has_report()) {
    reports.push_back(message.report());
  } else if (message.has_told()) {
    told.push_back(message.told().event());
  }
  if (heard) {
    heard(message);
  }
  if (connection_ != from) {
    return;
  }
  if (message.has_hello()) {
    const auto& said = message.hello().token();
    if (!welcomes || (!said.empty() && (!resumes || said != token))) {
      drop();
      return;
    }
    v1::FromHost welcome;
    welcome.mutable_welcome()->set_protocol(1);
    welcome.mutable_welcome()->set_token(token);
    send(welcome);
    send_policies();
  } else if (answer) {
    v1::FromHost out;
    *out.mutable_verdict() = *answer;
    send(out);
  }
}

void FakeRelay::send_policies() {
  v1::FromHost frame;
  const auto begin = [&] {
    frame.Clear();
    frame.mutable_policies()->set_generation(generation);
  };
  begin();
  for (const auto& [name, text] : policies) {
    std::size_t at = 0;
    do {
      auto& part = *frame.mutable_policies()->add_policies();
      part.set_name(name);
      part.set_text(text.substr(at, chunk));
      at += part.text().size();
      part.set_more(at < text.size());
      frame.mutable_policies()->set_more(true);
      send(frame);
      begin();
    } while (at < text.size());
  }
  send(frame);
}

v1::Verdict FakeRelay::go(const v1::Claim& claim) const {
  v1::Verdict yes;
  yes.set_ticket(claim.ticket());
  yes.set_container_id(claim.container_id());
  yes.set_nonce(claim.nonce());
  yes.set_word(v1::Verdict::WORD_GO);
  yes.set_generation(generation);
  auto& who = *yes.mutable_identity();
  who.set_container_id(claim.container_id());
  who.set_pod_namespace("payments");
  who.set_pod_name("api");
  who.set_container_name("main");
  who.set_sandbox_id("sandbox");
  who.set_labels_known(true);
  who.set_runtime("containerd");
  who.set_identity_source("containerd NRI");
  return yes;
}

void FakeRelay::send(const v1::FromHost& message) {
  send_raw(frame_of(message.SerializeAsString()));
}

void FakeRelay::send_raw(std::string bytes) {
  if (!connection_) {
    return;
  }
  connection_->outgoing.push_back(std::move(bytes));
  if (connection_->outgoing.size() == 1) {
    write(connection_);
  }
}

void FakeRelay::write(const std::shared_ptr<Connection>& to) {
  asio::async_write(
      to->socket, asio::buffer(to->outgoing.front()),
      [this, to, alive = std::weak_ptr(alive_)](std::error_code problem, std::size_t) {
        if (problem || alive.expired()) {
          return;
        }
        to->outgoing.pop_front();
        if (!to->outgoing.empty()) {
          write(to);
        }
      });
}

}  // namespace usher::guest::test
