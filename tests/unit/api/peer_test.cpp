#include "api/peer.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "agent_double.hpp"
#include "api/refusals.hpp"

namespace usher::api::test {
namespace {

constexpr uid_t kNobody = 65534;

// Lets others as far as the peer check: without it they would fail at the file's mode.
void open_to_all(const AgentDouble& agent) {
  ::chmod(agent.directory.path().c_str(), 0755);
  ::chmod(agent.options.hook_socket.c_str(), 0666);
  ::chmod(agent.options.admin_socket.c_str(), 0666);
}

boost::test_tools::assertion_result as_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result root(::geteuid() == 0);
  root.message() << "SKIPPED: needs root to become somebody else";
  return root;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(peers, *boost::unit_test::precondition(as_root))

BOOST_AUTO_TEST_CASE(root_on_the_node_is_let_in) {
  const AgentDouble agent;
  BOOST_TEST(in_child([&] { return closed_at_once(agent.options.hook_socket); }) == 1);
  BOOST_TEST(agent.refused().empty());
}

BOOST_AUTO_TEST_CASE(another_uid_is_stopped_by_the_sockets_mode) {
  const AgentDouble agent;
  ::chmod(agent.directory.path().c_str(), 0755);
  BOOST_TEST(in_child([&] {
               return ::setresuid(kNobody, kNobody, kNobody) == 0
                          ? closed_at_once(agent.options.hook_socket)
                          : 99;
             }) == EACCES);
}

BOOST_AUTO_TEST_CASE(another_uid_that_reaches_the_socket_is_closed_and_told) {
  const AgentDouble agent;
  open_to_all(agent);
  for (const auto& socket : {agent.options.hook_socket, agent.options.admin_socket}) {
    BOOST_TEST(in_child([&] {
                 return ::setresuid(kNobody, kNobody, kNobody) == 0 ? closed_at_once(socket) : 99;
               }) == 0);
  }
  BOOST_REQUIRE(eventually([&] { return agent.refused().size() == 2; }));
  const auto told = agent.refused()[0];
  BOOST_TEST(told.uid == kNobody);
  BOOST_TEST(told.pid > 0);
  BOOST_TEST(told.reason == "it is not root");
  BOOST_TEST(told.socket == agent.options.hook_socket);
}

BOOST_AUTO_TEST_CASE(root_of_another_user_namespace_is_refused) {
  const AgentDouble agent;
  open_to_all(agent);
  const int said = in_child([&] {
    return ::unshare(CLONE_NEWUSER) == 0 ? closed_at_once(agent.options.hook_socket) : 99;
  });
  if (said == 99) {
    BOOST_TEST_MESSAGE("SKIPPED: this machine gives no user namespaces");
    return;
  }
  BOOST_TEST(said == 0);
  BOOST_REQUIRE(eventually([&] { return !agent.refused().empty(); }));
  BOOST_TEST(agent.refused()[0].reason.find("user namespace") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_workload_is_refused) {
  AgentDouble agent;
  agent.handlers.everybody_is_a_workload = true;
  BOOST_TEST(in_child([&] { return closed_at_once(agent.options.admin_socket); }) == 0);
  BOOST_REQUIRE(eventually([&] { return !agent.refused().empty(); }));
  BOOST_TEST(agent.refused()[0].reason == "it belongs to a workload");
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_gone_is_refused) {
  // A pair's credentials are its maker's: make it in a child that ends, and keep one end.
  int channel[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) == 0);
  in_child([&] {
    int own[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, own) != 0) {
      return 1;
    }
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 'x';
    iovec data{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    __builtin_memcpy(CMSG_DATA(header), &own[0], sizeof(int));
    return ::sendmsg(channel[0], &message, 0) == 1 ? 0 : 1;
  });
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 0;
  iovec data{.iov_base = &byte, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  BOOST_REQUIRE(::recvmsg(channel[1], &message, MSG_CMSG_CLOEXEC) == 1);
  int received = -1;
  __builtin_memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  const Fd orphan(received);
  const auto peer = check_peer(orphan.get(), {});
  BOOST_REQUIRE(!peer);
  BOOST_TEST(peer.error().reason == "it ended before it was accepted");
  for (const int fd : {channel[0], channel[1]}) {
    ::close(fd);
  }
}

BOOST_AUTO_TEST_CASE(a_knocking_peer_is_told_of_only_a_few_times) {
  const AgentDouble agent;
  open_to_all(agent);
  in_child([&] {
    if (::setresuid(kNobody, kNobody, kNobody) == 0) {
      for (int i = 0; i < 50; ++i) {
        closed_at_once(agent.options.hook_socket);
      }
    }
    return 0;
  });
  BOOST_TEST(agent.refused().size() == 5U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(peer_cgroups)

BOOST_AUTO_TEST_CASE(host_services_may_speak) {
  const std::string own = "0::/system.slice/usherd.service\n";
  for (const char* path :
       {"0::/system.slice/crio.service\n", "0::/\n", "0::/user.slice/user-0.slice\n",
        "9:name=systemd:/\n4:memory:/a\n0::/machine.slice/libpod-conmon-ab.scope\n",
        "0::/kubepodsy.slice\n", "0::/system.slice/kubelet.service\n"}) {
    BOOST_TEST(refuse_cgroup(path, own) == "", path);
  }
}

BOOST_AUTO_TEST_CASE(processes_of_pods_may_not) {
  const std::string own = "0::/system.slice/usherd.service\n";
  for (
      const char* path :
      {"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/crio-2.scope\n",
       "0::/kubepods/burstable/pod1/2\n", "0::/kubepods\n",
       "0::/kind.slice/kubelet/kubelet.slice/kubelet-kubepods.slice/x\n0::/a/kubepods-pod1.slice\n",
       "4:memory:/kubepods/pod1/2\n0::/\n"}) {
    BOOST_TEST(refuse_cgroup(path, own).find("inside a pod") != std::string::npos, path);
  }
}

BOOST_AUTO_TEST_CASE(the_agents_own_pod_may) {
  const std::string own = "4:memory:/kubepods/pod1/2\n0::/kubepods/pod1/2\n";
  BOOST_TEST(refuse_cgroup("0::/kubepods/pod1/2\n", own) == "");
  BOOST_TEST(refuse_cgroup("0::/kubepods/pod1/2/below\n", own) == "");
  BOOST_TEST(refuse_cgroup("0::/kubepods/pod1/23\n", own) != "");
  BOOST_TEST(refuse_cgroup("0::/kubepods/pod1\n", own) != "");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_placed_may_not) {
  BOOST_TEST(refuse_cgroup("", "0::/\n") != "");
  BOOST_TEST(refuse_cgroup("0::/../cri-containerd-1.scope\n", "0::/\n").find("namespace") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_limiter_says_how_many_it_held_back) {
  RefusalLimiter limiter(2, std::chrono::seconds(10));
  const RefusalLimiter::Time start{};
  BOOST_TEST(limiter.admit(start).value() == 0U);
  BOOST_TEST(limiter.admit(start).value() == 0U);
  BOOST_TEST(!limiter.admit(start));
  BOOST_TEST(!limiter.admit(start + 9s));
  BOOST_TEST(limiter.admit(start + 10s).value() == 2U);
  BOOST_TEST(limiter.admit(start + 10s).value() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::api::test
