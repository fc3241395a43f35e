// What the modes of the gate subscribe to, inject and say of themselves.
#include <boost/test/unit_test.hpp>

#include "containerd/nri/answers.hpp"
#include "link_fixture.hpp"

namespace usher::containerd::test {

using nri::bit;
using nri::Event;

BOOST_FIXTURE_TEST_SUITE(modes_of_the_gate, LinkFixture)

BOOST_AUTO_TEST_CASE(the_mask_is_explicit_and_old_enough_for_every_runtime) {
  for (const std::string mode : {"closed", "nri", "inject"}) {
    serve();
    start({{"mode", mode}});
    connect();
    const auto answer = configure();
    BOOST_REQUIRE(answer.has_value());
    v1::ConfigureResponse configured;
    BOOST_REQUIRE(configured.ParseFromString(*answer));
    BOOST_TEST(configured.events() > 0);
    BOOST_TEST(configured.events() <= 0x7ff);
    BOOST_TEST(((configured.events() & bit(Event::start_container)) != 0));
    BOOST_TEST(((configured.events() & bit(Event::create_container)) != 0) == (mode == "inject"));
    stop();
    runtime.reset();
  }
}

BOOST_AUTO_TEST_CASE(inject_adds_the_hook_but_never_to_kata) {
  serve();
  const auto program = put_program();
  start({{"mode", std::string("inject")}, {"hook_dir", program.parent_path().string()}});
  registered();
  v1::PodAndContainer create;
  *create.mutable_pod() = pod();
  *create.mutable_container() = container();
  const auto answer = ask("CreateContainer", create);
  BOOST_REQUIRE(answer.has_value());
  v1::CreateContainerResponse adjusted;
  BOOST_REQUIRE(adjusted.ParseFromString(*answer));
  const auto& hooks = adjusted.adjust().hooks();
  BOOST_REQUIRE(hooks.create_runtime_size() == 1);
  BOOST_REQUIRE(hooks.poststop_size() == 1);
  BOOST_TEST(hooks.create_runtime(0).path() == program.string());
  const auto& args = hooks.create_runtime(0).args();
  BOOST_TEST(args[1] == "createRuntime");
  BOOST_TEST(args[3] == "containerd");
  BOOST_TEST(hooks.create_runtime(0).env_size() == 1);
  BOOST_TEST(hooks.create_runtime(0).timeout().value() > 5);
  *create.mutable_pod() = pod("s1", "kata-qemu");
  BOOST_TEST(ask("CreateContainer", create).value() == "");
}

// A container whose hooks name it could not be made, with a reason that nobody understands.
BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_not_injected) {
  serve();
  const auto program = put_program();
  std::filesystem::remove(program);
  start({{"mode", std::string("inject")}, {"hook_dir", program.parent_path().string()}});
  registered();
  BOOST_TEST(!healthy());
  BOOST_TEST(host.healths.back().find(program.string() + " is missing") != std::string::npos);
  v1::PodAndContainer create;
  *create.mutable_pod() = pod();
  *create.mutable_container() = container();
  BOOST_TEST(ask("CreateContainer", create).error().message.find("is missing") !=
             std::string::npos);
  put_program();
  BOOST_TEST(!ask("CreateContainer", create).value().empty());
  BOOST_TEST(healthy());
}

BOOST_AUTO_TEST_CASE(on_cri_os_socket_no_mode_is_taken) {
  for (const std::string mode : {"closed", "nri"}) {
    host.healths.clear();
    serve();
    start({{"mode", mode}});
    connect();
    const auto answer = configure("cri-o");
    BOOST_REQUIRE(!answer.has_value());
    BOOST_TEST(answer.error().message.find("use the adapter cri-o") != std::string::npos);
    runtime->hang_up();
    run_until([&] {
      return !host.healths.empty() &&
             host.healths.back().find("not containerd's") != std::string::npos;
    });
    BOOST_TEST(host.healths.back().starts_with(mode == "nri" ? "3 " : "2 "));
    stop();
    runtime.reset();
  }
}

BOOST_AUTO_TEST_CASE(without_nri_the_gate_of_nri_is_unhealthy_and_says_why) {
  start({{"mode", std::string("nri")}});
  run_until([&] { return !host.healths.empty(); });
  BOOST_TEST(host.healths.back().starts_with("3 containers start without asking the agent"));
  BOOST_TEST(host.healths.back().find("nri.sock") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::containerd::test
