// The socket for tetragon-oci-hook, over a real server and the wire's own client.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "agent_double.hpp"
#include "tetragon/sensors.grpc.pb.h"

namespace usher::api::test {
namespace {

boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result root(::geteuid() == 0);
  root.message() << "SKIPPED: the agent speaks to root only, and this is not root";
  return root;
}

struct Served {
  AgentDouble agent;
  std::unique_ptr<tetragon::FineGuidanceSensors::Stub> stub;

  explicit Served(std::chrono::milliseconds deadline = 2000ms)
      : agent([&](ServerOptions& options) {
          options.tetragon_socket = options.hook_socket.parent_path() / "tetragon.sock";
          options.hook_deadline = deadline;
        }),
        stub(tetragon::FineGuidanceSensors::NewStub(
            grpc::CreateChannel("unix:" + agent.options.tetragon_socket.string(),
                                grpc::InsecureChannelCredentials()))) {}

  grpc::Status call(const std::string& id) {
    tetragon::RuntimeHookRequest request;
    auto& made = *request.mutable_createcontainer();
    made.set_cgroupspath("system.slice:crio:" + id);
    made.set_rootdir("/b/rootfs");
    (*made.mutable_annotations())["a"] = "b";
    made.set_containername("main");
    made.set_containerid(id);
    made.set_podname("api");
    made.set_poduid("u1");
    made.set_podnamespace("payments");
    return send(request);
  }
  grpc::Status send(const tetragon::RuntimeHookRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 10s);
    tetragon::RuntimeHookResponse response;
    return stub->RuntimeHook(&context, request, &response);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tetragon_socket, *boost::unit_test::precondition(as_root))

BOOST_AUTO_TEST_CASE(what_the_hook_says_reaches_the_handler_field_by_field) {
  Served served;
  BOOST_TEST(served.call("c1").ok());
  const std::lock_guard lock(served.agent.handlers.noticed_mutex);
  const auto& noticed = served.agent.handlers.noticed;
  BOOST_TEST(noticed.cgroups_path == "system.slice:crio:c1");
  BOOST_TEST(noticed.root_dir == "/b/rootfs");
  BOOST_TEST(noticed.annotations.at("a") == "b");
  BOOST_TEST(noticed.container_name == "main");
  BOOST_TEST(noticed.container_id == "c1");
  BOOST_TEST(noticed.pod_name == "api");
  BOOST_TEST(noticed.pod_uid == "u1");
  BOOST_TEST(noticed.pod_namespace == "payments");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_a_status_with_its_reason) {
  const auto status = Served().call("refuse");
  BOOST_TEST(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  BOOST_TEST(status.error_message() == "it is not wanted: 100%\n");
}

BOOST_AUTO_TEST_CASE(an_event_that_is_none_of_ours_is_refused) {
  const auto status = Served().send({});
  BOOST_TEST(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

BOOST_AUTO_TEST_CASE(no_verdict_within_the_deadline_is_a_refusal) {
  const auto status = Served(50ms).call(HandlersDouble::kHang);
  BOOST_TEST(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  BOOST_TEST(status.error_message().find("within 50 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_workload_is_turned_away_at_this_socket_too) {
  Served served;
  served.agent.handlers.everybody_is_a_workload = true;
  BOOST_TEST(!served.call("c1").ok());
  BOOST_TEST(eventually([&] { return !served.agent.refused().empty(); }));
}

BOOST_AUTO_TEST_CASE(it_is_there_only_where_it_is_asked_for_and_goes_with_the_server) {
  const AgentDouble without;
  BOOST_TEST(!std::filesystem::exists(without.directory / "tetragon.sock"));
  Served served;
  BOOST_TEST(std::filesystem::exists(served.agent.options.tetragon_socket));
  served.agent.stop(1s);
  BOOST_TEST(!std::filesystem::exists(served.agent.options.tetragon_socket));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::api::test
