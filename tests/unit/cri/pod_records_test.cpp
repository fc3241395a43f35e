// CRI-O's side of the join: what its hook's keys say, and what its records say, over a server that
// answers as told.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <optional>

#include "adapter/convert.hpp"
#include "cri-o/pod_records.hpp"
#include "cri/cri.pb.h"
#include "fake_server.hpp"
#include "lab/loop_host.hpp"
#include "scratch.hpp"

namespace usher::cri_o {
namespace {

using test::FakeServer;
using test::LoopHost;

struct RecordsFixture {
  test::Scratch scratch;
  std::string socket = (scratch.path() / "crio.sock").string();
  LoopHost host;
  FakeServer server{socket};
  std::vector<std::string> told;
  std::optional<PodRecords> records;
  std::optional<Result<identity::Identity>> answer;

  void make(adapter::Config config) {
    const adapter::RawSettings raw(config);
    records.emplace(host.host(), plugin::Settings(raw.get()),
                    [this](std::uint32_t health, const std::string& sentence) {
                      told.push_back(std::to_string(health) + " " + sentence);
                    });
    records->start();
  }
  void make() { make({{"cri.socket", socket}, {"cri.deadline_ms", std::int64_t{300}}}); }

  void ask() {
    plugin::Identity who;
    who.pod_namespace = "payments";
    who.pod_name = "api";
    who.container_id = "c1";
    who.sandbox_id = "s1";
    who.identity_source = "cri-o annotations";
    answer.reset();
    records->answer(std::move(who), plugin::Answer({&identified, this, 0}));
  }
  const Result<identity::Identity>& asked() {
    ask();
    host.run_until([&] { return answer.has_value(); });
    BOOST_REQUIRE(answer.has_value());
    return *answer;
  }
  static void identified(void* self, std::uint64_t, const usher_identity* who,
                         const usher_error* error) {
    auto& me = *static_cast<RecordsFixture*>(self);
    BOOST_TEST(!me.answer.has_value());  // once
    if (who == nullptr) {
      me.answer = fail(std::string(plugin::view({error->message, error->length})));
    } else {
      auto read = adapter::identity_of(who);
      BOOST_REQUIRE(read.has_value());
      me.answer = std::move(*read);
    }
  }
  std::atomic<bool> hangs = false;
  std::string handler = "kata";

  void serve(const std::string& pod_namespace, const std::string& label) {
    server.handlers["PodSandboxStatus"] = [=, this](const std::string&) {
      if (hangs) {
        return FakeServer::Reply{{}, {}, true};
      }
      cri::v1::PodSandboxStatusResponse response;
      auto& status = *response.mutable_status();
      status.set_id("s1");
      status.mutable_metadata()->set_namespace_(pod_namespace);
      status.mutable_metadata()->set_name("api");
      status.set_runtime_handler(handler);
      auto* entry = status.add_labels();
      entry->set_key("app");
      entry->set_value(label);
      return FakeServer::Reply{response.SerializeAsString(), {}};
    };
    server.start();
  }
  void stop() {
    bool stopped = false;
    records->stop(plugin::Done({[](void* context, std::uint64_t, std::int32_t, const usher_error*) {
                                  *static_cast<bool*>(context) = true;
                                },
                                &stopped, 0}));
    host.run_until([&] { return stopped; });
    BOOST_TEST(stopped);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cri_o_records, RecordsFixture)

BOOST_AUTO_TEST_CASE(the_sandboxs_record_gives_labels_and_handler) {
  serve("payments", "api");
  make();
  const auto& who = asked();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->labels_known);
  BOOST_TEST(who->pod_labels.at("app") == "api");
  BOOST_TEST(who->runtime_handler == "kata");
  BOOST_TEST(!who->handler_unknown);
  BOOST_TEST(!who->record_unknown);
  BOOST_TEST(who->labels_source == "cri (the runtime's own record)");
  stop();
}

BOOST_AUTO_TEST_CASE(a_record_of_another_pod_refuses) {
  serve("kube-system", "api");
  make();
  const auto& who = asked();
  BOOST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().message.find("neither is believed") != std::string::npos);
  stop();
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_the_runtime_does_not_know_refuses) {
  server.handlers["PodSandboxStatus"] = [](const std::string&) {
    return FakeServer::Reply{{}, {grpc::StatusCode::NOT_FOUND, "no such sandbox"}};
  };
  server.start();
  make();
  const auto& who = asked();
  BOOST_REQUIRE(!who.has_value());
  BOOST_TEST(who.error().message.find("no such sandbox") != std::string::npos);
  stop();
}

BOOST_AUTO_TEST_CASE(a_mebibyte_of_label_leaves_the_labels_unknown) {
  serve("payments", std::string(1U << 20, 'x'));
  make();
  const auto& who = asked();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(!who->labels_known);
  BOOST_TEST(who->pod_labels.empty());
  BOOST_TEST(who->runtime_handler == "kata");
  stop();
}

BOOST_AUTO_TEST_CASE(without_the_socket_keys_alone_count_and_it_is_said) {
  make();
  const auto& who = asked();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(!who->labels_known);
  BOOST_TEST(who->handler_unknown);
  BOOST_TEST(who->record_unknown);
  BOOST_TEST(who->pod_namespace == "payments");
  host.run_until([&] { return !told.empty(); });
  BOOST_TEST(told.front().starts_with("2 "));
  BOOST_TEST(told.front().find(socket) != std::string::npos);
  stop();
}

BOOST_AUTO_TEST_CASE(a_runtime_that_hangs_costs_the_deadline_and_no_more) {
  server.handlers["PodSandboxStatus"] = [](const std::string&) {
    return FakeServer::Reply{{}, {}, true};
  };
  server.start();
  make();
  const auto& who = asked();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(!who->labels_known);
  stop();
}

BOOST_AUTO_TEST_CASE(a_runtime_that_hangs_is_degraded_until_it_answers_and_is_listed_again) {
  server.handlers["Version"] = [this](const std::string&) {
    return FakeServer::Reply{{}, {}, hangs};
  };
  server.handlers["ListPodSandbox"] = [](const std::string&) {
    cri::v1::ListPodSandboxResponse response;
    auto& item = *response.add_items();
    item.set_id("s1");
    item.mutable_metadata()->set_namespace_("payments");
    item.mutable_metadata()->set_name("api");
    auto* entry = item.add_labels();
    entry->set_key("app");
    entry->set_value("api");
    return FakeServer::Reply{response.SerializeAsString(), {}};
  };
  server.handlers["ListContainers"] = [](const std::string&) { return FakeServer::Reply{}; };
  serve("payments", "api");
  make();
  const auto lists = [this] {
    return std::ranges::count_if(host.published,
                                 [](const auto& said) { return said.kind == USHER_EVENT_SYNCED; });
  };
  host.run_until([&] { return !told.empty() && lists() == 1; });
  BOOST_TEST(told.back().starts_with("1 "));
  hangs = true;
  BOOST_TEST(asked()->record_unknown);
  host.run_until([&] { return !told.back().starts_with("1 "); });
  BOOST_TEST(told.back().starts_with("2 "));
  hangs = false;
  host.run_until([&] { return lists() == 2; });
  host.run_until([&] { return told.back().starts_with("1 "); });
  const auto& sandbox =
      std::ranges::find(host.published, USHER_EVENT_SANDBOX_STARTING, &LoopHost::Published::kind)
          ->who;
  BOOST_TEST(sandbox.labels_known);
  BOOST_TEST(sandbox.handler_unknown);
  stop();
}

BOOST_AUTO_TEST_CASE(a_handler_that_the_record_leaves_out_is_not_known) {
  handler.clear();
  serve("payments", "api");
  make();
  const auto& who = asked();
  BOOST_REQUIRE(who.has_value());
  BOOST_TEST(who->handler_unknown);
  BOOST_TEST(!who->record_unknown);
  stop();
}

BOOST_AUTO_TEST_CASE(a_stop_answers_what_was_asked_first) {
  server.handlers["PodSandboxStatus"] = [](const std::string&) {
    return FakeServer::Reply{{}, {}, true};
  };
  server.start();
  make({{"cri.socket", socket}, {"cri.deadline_ms", std::int64_t{10'000}}});
  ask();
  stop();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(!answer->value().labels_known);
}

BOOST_AUTO_TEST_CASE(a_node_with_podman_alone_is_healthy) {
  make({{"root", scratch.path().string()}});
  host.run_until([&] { return !told.empty(); });
  BOOST_TEST(told.front().starts_with("1 CRI-O is not here"));
  stop();
}

BOOST_AUTO_TEST_CASE(a_deadline_that_cannot_be_is_refused) {
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{10'001}}) {
    BOOST_CHECK_THROW(make({{"cri.deadline_ms", bad}}), plugin::Failure);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::cri_o
