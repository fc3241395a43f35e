#include <boost/test/unit_test.hpp>
#include <string>

#include "identity/placement.hpp"

using usher::identity::agrees;
using usher::identity::Identity;

namespace {

const std::string kUid = "11111111-2222-3333-4444-555555555555";
const std::string kId(64, 'a');
const std::string kPodPath = "/kubepods/burstable/pod" + kUid + "/crio-" + kId;

Identity web() {
  Identity who;
  who.pod_namespace = "ns1";
  who.pod_name = "web-0";
  who.pod_uid = kUid;
  who.container_id = kId;
  who.identity_source = "cri-o annotations";
  return who;
}

void disagrees(const Identity& who, const std::string& path, const std::string& because) {
  const auto good = agrees(who, path);
  BOOST_TEST_REQUIRE(!good.has_value(), path);
  BOOST_TEST(good.error().message.find(because) != std::string::npos, good.error().message);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(identity_and_cgroup)

BOOST_AUTO_TEST_CASE(agree_when_both_name_the_same) {
  BOOST_TEST(agrees(web(), kPodPath).has_value());
  BOOST_TEST(agrees(web(),
                    "/kubepods.slice/kubepods-pod11111111_2222_3333_4444_555555555555.slice/"
                    "cri-containerd-" +
                        kId + ".scope")
                 .has_value());
}

BOOST_AUTO_TEST_CASE(agree_where_the_path_says_nothing) {
  BOOST_TEST(agrees(web(), "/some/cgroup").has_value());
  BOOST_TEST(agrees({}, "/some/cgroup").has_value());
}

BOOST_AUTO_TEST_CASE(another_pod_is_refused_and_both_are_named) {
  auto who = web();
  who.pod_uid = "99999999-0000-0000-0000-000000000000";
  disagrees(who, kPodPath, "99999999-0000-0000-0000-000000000000");
  disagrees(who, kPodPath, "belongs to pod uid " + kUid);
}

BOOST_AUTO_TEST_CASE(no_pod_in_the_path_of_one_is_refused) {
  auto who = web();
  who.pod_uid.clear();
  disagrees(who, kPodPath, "names no pod");
}

BOOST_AUTO_TEST_CASE(a_sandbox_that_claims_no_pod_is_held_to_its_id) {
  Identity pause;
  pause.is_sandbox = true;
  pause.container_id = kId;
  BOOST_TEST(agrees(pause, kPodPath).has_value());
  pause.container_id = std::string(64, 'b');
  disagrees(pause, kPodPath, "belongs to container id");
  pause.container_id = kId;
  pause.pod_namespace = "ns1";
  disagrees(pause, kPodPath, "names no pod");
}

BOOST_AUTO_TEST_CASE(another_container_is_refused) {
  auto who = web();
  who.container_id = std::string(64, 'b');
  disagrees(who, kPodPath, "belongs to container id " + kId);
  disagrees(who, "/machine.slice/libpod-" + kId + ".scope", "belongs to container id " + kId);
  who.container_id.clear();
  disagrees(who, kPodPath, "container id");
}

BOOST_AUTO_TEST_CASE(a_monitors_cgroup_is_refused) {
  disagrees(web(), "/kubepods/pod" + kUid + "/crio-conmon-" + kId, "monitor");
}

BOOST_AUTO_TEST_SUITE_END()
