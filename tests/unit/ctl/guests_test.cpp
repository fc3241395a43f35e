// How guests are shown.
#include <boost/test/unit_test.hpp>

#include "ctl/agent_commands.hpp"
#include "ctl/show.hpp"
#include "ctl_double.hpp"

namespace usher::ctl::test {

namespace {

v1::Guest guest(const std::string& session) {
  v1::Guest out;
  out.set_sandbox_id("0123456789abcdef");
  out.set_pod_namespace("payments");
  out.set_pod_name("api-0");
  out.set_containers(2);
  out.set_session(session);
  out.set_backend("lsm");
  out.set_kernel("6.12");
  out.set_generation(8);
  out.set_applied(8);
  return out;
}

std::string line(const v1::Guest& guest) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  return guest_line(guest, {.out = out, .err = err, .in = in});
}

// An agent with one container in a guest and one virtual machine.
class WithGuests final : public ClientDouble {
 public:
  api::Answer<v1::ListWorkloadsResponse> workloads() override {
    v1::ListWorkloadsResponse response;
    auto* container = response.add_workloads();
    container->set_pod_namespace("payments");
    container->set_pod_name("api-0");
    container->set_container_name("main");
    container->set_state("approved");
    container->set_guest(true);
    container->set_guest_backend("none");
    container->add_unenforced("lockdown");
    auto* monitor = response.add_workloads();
    monitor->set_pod_namespace("payments");
    monitor->set_pod_name("api-0");
    monitor->set_slot(3);
    monitor->set_state("running");
    monitor->set_host_root(true);
    return response;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(guests_shown)

BOOST_AUTO_TEST_CASE(a_line_says_what_is_wrong_and_nothing_where_all_is_well) {
  BOOST_TEST(line(guest("connected")) ==
             "payments/api-0: 2 containers, agent connected (its word: backend lsm, kernel 6.12)");
  BOOST_TEST(line(guest("none")).ends_with("no agent in the guest: nothing is enforced there"));
  auto behind = guest("lost");
  behind.set_applied(7);
  behind.set_problem("policy p1: no");
  BOOST_TEST(
      line(behind).ends_with("; policies: generation 7 in force, 8 is the newest; problem: "
                             "policy p1: no"));
  behind.clear_pod_name();
  BOOST_TEST(line(behind).starts_with("0123456789ab: "));
}

BOOST_AUTO_TEST_CASE(workloads_say_where_they_run_and_what_nobody_carries_out) {
  WithGuests client;
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  BOOST_TEST(show_workloads(client, {.out = out, .err = err, .in = in}) == kOk);
  BOOST_TEST(out.str().find("approved, guest (none)") != std::string::npos);
  BOOST_TEST(out.str().find("lockdown (not enforced)") != std::string::npos);
  BOOST_TEST(out.str().find("running, VM's host side") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(json_has_what_the_lines_have) {
  Box box;
  const auto status = Json::parse(box.run({"status", "--json"}).out);
  BOOST_TEST_REQUIRE(status["guests"].size() == 1U);
  BOOST_TEST(status["guests"][0]["session"] == "connected");
  BOOST_TEST(status["guests"][0].contains("applied"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::ctl::test
