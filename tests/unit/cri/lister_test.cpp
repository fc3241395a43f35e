// What the lister publishes of a runtime that is there, comes late, or is lost.
#include <boost/test/unit_test.hpp>

#include "cri_fixture.hpp"

namespace usher::cri {

using test::CriFixture;
using test::FakeServer;

BOOST_FIXTURE_TEST_SUITE(cri_lister, CriFixture)

BOOST_AUTO_TEST_CASE(all_that_runs_is_published_and_then_synced) {
  serve_pod();
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return !healths.empty(); });
  BOOST_REQUIRE(host.published.size() == 4U);
  BOOST_TEST(host.published[0].kind == static_cast<std::uint32_t>(USHER_EVENT_LISTING));
  const auto& sandbox = host.published[1];
  BOOST_TEST(sandbox.kind == static_cast<std::uint32_t>(USHER_EVENT_SANDBOX_STARTING));
  BOOST_TEST(sandbox.who.sandbox_id == "s1");
  BOOST_TEST(sandbox.who.pod_labels.at("app") == "api");
  const auto& container = host.published[2];
  BOOST_TEST(container.kind == static_cast<std::uint32_t>(USHER_EVENT_CONTAINER_RUNNING));
  BOOST_TEST(container.runtime == "cri-o");
  BOOST_TEST(container.who.container_id == "c1");
  BOOST_TEST(container.who.pod_namespace == "payments");
  BOOST_TEST(container.who.labels_known);
  BOOST_TEST(container.pid == 42);
  BOOST_TEST(host.published[3].kind == static_cast<std::uint32_t>(USHER_EVENT_SYNCED));
  BOOST_TEST(healths[0].starts_with("1 joined with cri-o 1.37.0"));
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_comes_later_is_listed_then) {
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return !healths.empty(); });
  BOOST_TEST(healths[0].starts_with("2 "));  // degraded: it was never there
  serve_pod();
  server.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_runtime_that_was_lost_is_unhealthy_and_listed_again) {
  serve_pod();
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return healths.size() == 1; });
  server.stop();
  host.run_until([&] { return healths.size() > 1; });
  BOOST_TEST(healths[1].starts_with("3 "));
  server.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 2; });
  BOOST_TEST(count(USHER_EVENT_SANDBOX_STARTING) == 2U);
  const auto kinds = [&](std::size_t from) {
    std::vector<std::uint32_t> out;
    for (std::size_t i = from; i < host.published.size(); ++i) {
      out.push_back(host.published[i].kind);
    }
    return out;
  };
  // The second list is as whole as the first: what it does not name is forgotten.
  const std::vector<std::uint32_t> list{USHER_EVENT_LISTING, USHER_EVENT_SANDBOX_STARTING,
                                        USHER_EVENT_CONTAINER_RUNNING, USHER_EVENT_SYNCED};
  BOOST_TEST(kinds(host.published.size() - 4) == list, boost::test_tools::per_element());
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_list_that_breaks_off_is_not_said_to_be_complete) {
  serve_pod();
  const auto whole = server.handlers.at("ListContainers");
  int asked = 0;
  server.handlers["ListContainers"] = [&](const std::string& request) {
    return ++asked == 1
               ? FakeServer::Reply{{}, grpc::Status(grpc::StatusCode::INTERNAL, "in the middle")}
               : whole(request);
  };
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(asked >= 2);
  BOOST_TEST(count(USHER_EVENT_LISTING) == 2U);
  BOOST_TEST(count(USHER_EVENT_CONTAINER_RUNNING) == 1U);
  BOOST_TEST(host.published.back().kind == static_cast<std::uint32_t>(USHER_EVENT_SYNCED));
  stop(lister);
}

BOOST_AUTO_TEST_CASE(a_host_without_room_is_asked_again) {
  serve_pod();
  server.start();
  host.busy = 3;
  Lister lister(host.host(), options());
  lister.start();
  host.run_until([&] { return count(USHER_EVENT_SYNCED) == 1; });
  BOOST_TEST(host.published.size() == 4U);
  stop(lister);
}

BOOST_AUTO_TEST_CASE(it_stops_in_the_middle_of_a_question) {
  server.handlers["Version"] = [](const std::string&) { return FakeServer::Reply{{}, {}, true}; };
  server.start();
  Lister lister(host.host(), options());
  lister.start();
  stop(lister);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::cri
