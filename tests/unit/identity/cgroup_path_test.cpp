#include "identity/cgroup_path.hpp"

#include <boost/test/unit_test.hpp>
#include <string>

using usher::identity::container_cgroup;
using usher::identity::expand_cgroups_path;
using usher::identity::owner_of;
using usher::identity::unified_path;
using usher::identity::whole_container_cgroup;

namespace {

const std::string kUid = "11111111-2222-3333-4444-555555555555";
const std::string kUnit = "11111111_2222_3333_4444_555555555555";
const std::string kId = "39cd6a72be906f365f37477072c1bdcc61e62f7f10e691dba1b7c1df3a79fa4e";

void owned_by(const std::string& path, const std::string& uid, const std::string& id) {
  const auto owner = owner_of(path);
  BOOST_TEST(owner.pod_uid == uid, path);
  BOOST_TEST(owner.container_id == id, path << " gave " << owner.container_id);
  BOOST_TEST(!owner.monitor, path);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cgroup_path)

BOOST_AUTO_TEST_CASE(cgroupfs_forms_of_kubelet) {
  owned_by("/kubepods/pod" + kUid + "/" + kId, kUid, kId);
  owned_by("/kubepods/burstable/pod" + kUid + "/" + kId, kUid, kId);
  owned_by("/kubepods/besteffort/pod" + kUid + "/crio-" + kId, kUid, kId);
  owned_by("/kubelet/kubepods/burstable/pod" + kUid + "/" + kId, kUid, kId);
  owned_by("/kubepods/burstable/pod" + kUid + "/short-name", kUid, "short-name");
}

BOOST_AUTO_TEST_CASE(systemd_forms_of_kubelet) {
  const std::string slice =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUnit + ".slice";
  owned_by(slice + "/crio-" + kId + ".scope", kUid, kId);
  owned_by(slice + "/cri-containerd-" + kId + ".scope", kUid, kId);
  owned_by(slice + "/crio-" + kId + ".scope/container", kUid, kId);
  owned_by("/kubepods.slice/kubepods-pod" + kUnit + ".slice/crio-" + kId + ".scope", kUid, kId);
  owned_by(
      "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
      "kubelet-kubepods-besteffort-pod" +
          kUnit + ".slice/cri-containerd-" + kId + ".scope",
      kUid, kId);
}

BOOST_AUTO_TEST_CASE(static_pods_have_a_hash_for_a_uid) {
  const std::string hash = "5f4dcc3b5aa765d61d8327deb882cf99";
  owned_by("/kubepods/burstable/pod" + hash + "/" + kId, hash, kId);
  owned_by("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + hash +
               ".slice/crio-" + kId + ".scope",
           hash, kId);
}

BOOST_AUTO_TEST_CASE(podman_forms_carry_the_container_only) {
  owned_by("/machine.slice/libpod-" + kId + ".scope", "", kId);
  owned_by("/machine.slice/libpod-" + kId + ".scope/container", "", kId);
  owned_by("/libpod_parent/libpod-" + kId, "", kId);
  owned_by("/machine.slice/machine-libpod_pod_" + kId + ".slice/libpod-" + kId + ".scope", "", kId);
  owned_by("/user.slice/user-0.slice/user@0.service/user.slice/libpod-" + kId + ".scope", "", kId);
}

BOOST_AUTO_TEST_CASE(kata_guests_without_systemd_have_directories_for_the_parts_of_a_scope) {
  const std::string slice = "/kubepods-burstable-pod" + kUnit + ".slice";
  owned_by(slice + "/cri-containerd/" + kId, kUid, kId);
  owned_by(slice + "/crio/" + kId + "/below", kUid, kId);
  owned_by(slice + "/cri-containerd", kUid, "");
  owned_by("/system.slice/cri-containerd/" + kId, "", kId);
  owned_by("/system.slice/cri-containerd/short", "", "");
  BOOST_TEST(whole_container_cgroup(slice + "/crio/" + kId + "/below") == slice + "/crio/" + kId);
}

BOOST_AUTO_TEST_CASE(other_paths_say_nothing) {
  owned_by("/", "", "");
  owned_by("/" + kId, "", "");
  owned_by("/system.slice/docker-proxy.service", "", "");
  owned_by("/system.slice/crio-wipe.service", "", "");
  owned_by("/pod" + kUid + "/" + kId, "", "");
  owned_by("/notkubepods/burstable/pod" + kUid + "/" + kId, "", "");
  owned_by("/kubepods/guaranteed/pod" + kUid + "/" + kId, "", "");
  owned_by("/kubepods.slice/kubepods-burstable.slice", "", "");
  owned_by("/kubepods/pod", "", "");
  owned_by("/x-pod" + kUnit + ".slice/crio-short.scope", "", "");
}

BOOST_AUTO_TEST_CASE(a_pod_without_a_container_is_still_that_pod) {
  owned_by("/kubepods/burstable/pod" + kUid, kUid, "");
}

BOOST_AUTO_TEST_CASE(what_a_container_makes_below_itself_does_not_count) {
  owned_by("/kubepods/pod" + kUid + "/" + kId + "/kubepods/podother/" + std::string(64, 'a'), kUid,
           kId);
  owned_by("/machine.slice/libpod-" + kId + ".scope/kubepods/podother/x", "", kId);
}

BOOST_AUTO_TEST_CASE(monitors_are_not_containers) {
  BOOST_TEST(owner_of("/kubepods/pod" + kUid + "/crio-conmon-" + kId).monitor);
  BOOST_TEST(owner_of("/machine.slice/libpod-conmon-" + kId + ".scope").monitor);
  BOOST_TEST(owner_of("/machine.slice/libpod-conmon-" + kId + ".scope").container_id == kId);
}

BOOST_AUTO_TEST_CASE(the_unified_line_counts_on_a_hybrid_tree) {
  const auto path = unified_path(
      "9:name=systemd:/wrong\n4:memory:/kubepods/wrong\n1:cpu,cpuacct:/\n0::/kubepods/podx/y\n");
  BOOST_TEST_REQUIRE(path.has_value());
  BOOST_TEST(*path == "/kubepods/podx/y");
  BOOST_TEST(unified_path("0::/\n").value() == "/");
  BOOST_TEST(unified_path("0::/a:b 0::/c\n").value() == "/a:b 0::/c");
}

BOOST_AUTO_TEST_CASE(proc_entries_without_an_answer_are_errors) {
  BOOST_TEST(!unified_path("").has_value());
  BOOST_TEST(!unified_path("4:memory:/x\n").has_value());
  BOOST_TEST(!unified_path("0::relative\n").has_value());
  BOOST_TEST(unified_path("0::/../x\n").error().message.find("namespace") != std::string::npos);
  BOOST_TEST(!unified_path("0::/..\n").has_value());
  BOOST_TEST(unified_path("0::/..x\n").has_value());
  BOOST_TEST(unified_path("0::/x (deleted)\n").error().message.find("removed") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(cgroups_path_expands_as_systemd_does) {
  BOOST_TEST(expand_cgroups_path("/kubepods/podx/y").value() == "/kubepods/podx/y");
  BOOST_TEST(expand_cgroups_path("kubepods-besteffort-podx_y.slice:crio:" + kId).value() ==
             "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podx_y.slice/crio-" +
                 kId + ".scope");
  BOOST_TEST(expand_cgroups_path("machine.slice:libpod:x").value() ==
             "/machine.slice/libpod-x.scope");
  BOOST_TEST(expand_cgroups_path("::x").value() == "/system.slice/x.scope");
  BOOST_TEST(expand_cgroups_path("-.slice:crun:x").value() == "/crun-x.scope");
  BOOST_TEST(expand_cgroups_path("a.slice:p:x.slice").value() == "/a.slice/x.slice");
  for (const char* bad :
       {"", "x", "a:b", "a.slice:b:c:d", "a:b:c", "a--b.slice:p:n", "-a.slice:p:n", ".slice:p:n",
        "a.slice:p:", "a.slice:p:../n", "a/b.slice:p:n", "a.slice:../p:n"}) {
    BOOST_TEST(!expand_cgroups_path(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(the_scope_stands_for_cruns_child) {
  const std::string scope = "/machine.slice/libpod-" + kId + ".scope";
  BOOST_TEST(container_cgroup(scope + "/container") == scope);
  BOOST_TEST(container_cgroup(scope) == scope);
  BOOST_TEST(container_cgroup(scope + "/other") == scope + "/other");
  BOOST_TEST(container_cgroup("/a/container") == "/a/container");
  BOOST_TEST(container_cgroup("/container") == "/container");
  BOOST_TEST(container_cgroup("/user.slice/session-3.scope/container") ==
             "/user.slice/session-3.scope/container");
}

BOOST_AUTO_TEST_CASE(a_running_container_is_all_that_lies_below_its_cgroup) {
  const std::string pod = "/kubepods/burstable/pod11111111-2222-3333-4444-555555555555";
  BOOST_TEST(whole_container_cgroup(pod + "/" + kId) == pod + "/" + kId);
  BOOST_TEST(whole_container_cgroup(pod + "/" + kId + "/init.scope") == pod + "/" + kId);
  BOOST_TEST(whole_container_cgroup(pod + "/" + kId + "/a/b") == pod + "/" + kId);
  const std::string scope = "/machine.slice/libpod-" + kId + ".scope";
  BOOST_TEST(whole_container_cgroup(scope + "/container/payload") == scope);
  BOOST_TEST(whole_container_cgroup("/made/by/hand") == "/made/by/hand");
  BOOST_TEST(whole_container_cgroup("/") == "/");
  BOOST_TEST(whole_container_cgroup("") == "");
}

BOOST_AUTO_TEST_CASE(hostile_paths_end) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) {
    deep += "/kubepods-pod.slice/pod/crio-.scope/-";
  }
  BOOST_TEST(owner_of(deep).pod_uid == "");
  for (const char* odd : {"", "//", "/-.slice", "/.slice", "/.scope", "/crio-", "/pod", "kubepods",
                          "/kubepods-pod.slice", "/kubepods/pod/x", "/kubepods//podu//c"}) {
    (void)owner_of(odd);
    (void)container_cgroup(odd);
    (void)whole_container_cgroup(odd);
  }
  owned_by("/kubepods//podu//c", "u", "c");
}

BOOST_AUTO_TEST_SUITE_END()
