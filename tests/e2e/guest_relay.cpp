// guest_relay SOCKET DIRECTORY: stands for the relay on the host, and its core, towards one guest.
//   DIRECTORY/policies/NAME.toml  the policies of the sandbox
//   DIRECTORY/containers/ID       "NAMESPACE POD CONTAINER": known, and claimed once; else refused
//   DIRECTORY/token, claimed      what it keeps over a restart
// SIGHUP: the policies are read and sent again. What it hears is a line each on standard output.
#include <unistd.h>

#include <asio/signal_set.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>

#include "fake_relay.hpp"
#include "usher/v1/agent.pb.h"

namespace {

namespace fs = std::filesystem;
namespace v1 = usher::guest::v1;

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void read_policies(const fs::path& directory, usher::guest::test::FakeRelay& relay) {
  relay.policies.clear();
  for (const auto& entry : fs::directory_iterator(directory)) {
    relay.policies[entry.path().stem().string()] = text_of(entry.path());
  }
}

v1::Verdict judge(const fs::path& directory, const v1::Claim& claim,
                  const usher::guest::test::FakeRelay& relay) {
  auto verdict = relay.go(claim);
  std::istringstream names(text_of(directory / "containers" / claim.container_id()));
  std::string pod_namespace;
  std::string pod;
  std::string container;
  const bool known = static_cast<bool>(names >> pod_namespace >> pod >> container);
  const auto claimed = directory / "claimed" / claim.container_id();
  if (!known || fs::exists(claimed)) {
    verdict.set_word(v1::Verdict::WORD_REFUSE);
    verdict.set_message(known ? "it was claimed before" : "no such container in this sandbox");
    verdict.clear_identity();
    return verdict;
  }
  std::ofstream(claimed) << "claimed";
  auto& who = *verdict.mutable_identity();
  who.set_pod_namespace(pod_namespace);
  who.set_pod_name(pod);
  who.set_container_name(container);
  return verdict;
}

std::string line_of(const v1::FromGuest& message) {
  std::ostringstream line;
  if (message.has_hello()) {
    line << "hello " << message.hello().backend() << " enforces " << message.hello().enforces()
         << (message.hello().token().empty() ? " new" : " resumed")
         << " trouble: " << message.hello().trouble();
  } else if (message.has_claim()) {
    line << "claim " << message.claim().container_id();
  } else if (message.has_applied()) {
    line << "applied " << message.applied().generation();
    for (const auto& problem : message.applied().problems()) {
      line << " problem: " << problem;
    }
  } else if (message.has_report()) {
    line << "report " << message.report().container_id() << " " << message.report().stage();
  } else if (message.has_told()) {
    usher::v1::Event event;
    event.ParseFromString(message.told().event());
    line << "told " << event.type() << " " << event.container_id() << " " << event.verdict() << " "
         << event.policy() << "/" << event.rule();
  }
  return line.str();
}

void on_hangup(asio::signal_set& signals, const fs::path& directory,
               usher::guest::test::FakeRelay& relay) {
  signals.async_wait([&](std::error_code stopped, int) {
    if (!stopped) {
      read_policies(directory / "policies", relay);
      ++relay.generation;
      relay.send_policies();
      on_hangup(signals, directory, relay);
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: guest_relay SOCKET DIRECTORY\n";
    return 2;
  }
  const fs::path directory = argv[2];
  fs::create_directories(directory / "claimed");
  asio::io_context loop;
  usher::guest::test::FakeRelay relay(loop, argv[1]);
  if (const auto kept = text_of(directory / "token"); kept.size() == 32) {
    relay.token = kept;
  } else {
    std::ifstream("/dev/urandom").read(relay.token.data(), 32);
    std::ofstream(directory / "token") << relay.token;
  }
  read_policies(directory / "policies", relay);
  relay.verdict = [&](const v1::Claim& claim) { return judge(directory, claim, relay); };
  relay.heard = [](const v1::FromGuest& message) { std::cout << line_of(message) << std::endl; };
  asio::signal_set hangup(loop, SIGHUP);
  on_hangup(hangup, directory, relay);
  std::cout << "listening" << std::endl;
  loop.run();
  return 0;
}
