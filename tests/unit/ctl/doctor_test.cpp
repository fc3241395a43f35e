#include "ctl/doctor.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ctl_double.hpp"

namespace usher::ctl::test {
namespace {

using State = Finding::State;

// A node as a tree of files: everything is well until a test breaks one thing.
class Node {
 public:
  Node() {
    std::string name = "/tmp/usher-doctor-XXXXXX";
    root_ = ::mkdtemp(name.data());
    write("sys/kernel/btf/vmlinux", "");
    write("sys/fs/cgroup/cgroup.controllers", "");
    write("proc/self/mounts", "none /sys/fs/bpf bpf rw 0 0\n");
    sources.root = root_;
    sources.release = "6.12.9-cloud";
    sources.version = "#1 SMP PREEMPT_DYNAMIC Debian";
    sources.is_root = true;
    sources.kernel_file = [this](const char* type, const char*,
                                 const char*) -> Result<std::string> {
      return std::string(type) == "securityfs" ? lsm_list : preempt;
    };
    sources.try_lsm = [] { return Result<>{}; };
    sources.try_tracing = [] { return Result<>{}; };
    sources.version_of = [](const char* program) -> std::optional<std::string> {
      return std::string(program) == "crun" ? std::optional<std::string>("crun version 1\x1b")
                                            : std::nullopt;
    };
  }
  ~Node() { std::filesystem::remove_all(root_); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void remove(const std::string& path) const { std::filesystem::remove_all(root_ / path); }

  Finding finding(const std::string& id) const {
    for (const auto& found : diagnose(sources).findings) {
      if (found.id == id) {
        return found;
      }
    }
    BOOST_TEST_REQUIRE(false, "no finding " << id);
    return {};
  }

  Result<std::string> lsm_list = "lockdown,yama,bpf\n";
  Result<std::string> preempt = "none (voluntary) full \n";
  Sources sources;

 private:
  std::filesystem::path root_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor_command)

BOOST_AUTO_TEST_CASE(a_node_with_everything_is_well) {
  const Node node;
  const auto diagnosis = diagnose(node.sources);
  BOOST_TEST(diagnosis.bpf_lsm);
  BOOST_TEST(diagnosis.backend == "lsm");
  for (const auto& finding : diagnosis.findings) {
    BOOST_TEST((finding.state == State::ok || finding.state == State::note), finding.id);
  }
}

BOOST_AUTO_TEST_CASE(without_bpf_in_the_list_it_says_what_to_add) {
  Node node;
  node.lsm_list = "lockdown,yama\n";
  node.sources.try_lsm = [] { return Result<>(fail("not called")); };
  BOOST_TEST((node.finding("lsm-list").state == State::missing));
  BOOST_TEST(node.finding("lsm-list").remedy.find("lsm=lockdown,yama,bpf") != std::string::npos);
  BOOST_TEST(diagnose(node.sources).backend == "tracepoint");
  BOOST_TEST((node.finding("write").state == State::missing));
  BOOST_TEST((node.finding("scripts").state == State::warning));
}

BOOST_AUTO_TEST_CASE(a_list_that_names_bpf_is_not_enough_when_the_trial_fails) {
  Node node;
  node.sources.try_lsm = [] { return Result<>(fail("the kernel refuses")); };
  BOOST_TEST((node.finding("lsm-list").state == State::ok));
  BOOST_TEST(!diagnose(node.sources).bpf_lsm);
}

BOOST_AUTO_TEST_CASE(no_backend_is_a_failure) {
  Node node;
  node.sources.try_lsm = [] { return Result<>(fail("no")); };
  node.sources.try_tracing = [] { return Result<>(fail("no")); };
  Box box;
  box.sources = node.sources;
  const auto outcome = box.run({"doctor"});
  BOOST_TEST(outcome.code == kFailed);
  BOOST_TEST(outcome.out.find("cannot run Usher") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(full_preemption_is_warned_of_on_6_1_and_not_on_6_12) {
  Node node;
  node.preempt = "none voluntary (full)\n";
  BOOST_TEST((node.finding("preemption").state == State::ok));
  BOOST_TEST((node.finding("preempt-skip").state == State::ok));
  node.sources.release = "6.1.0-40-cloud-amd64";
  BOOST_TEST((node.finding("preemption").state == State::warning));
  BOOST_TEST(node.finding("preemption").remedy == "boot with preempt=voluntary");
  BOOST_TEST((node.finding("preempt-skip").state == State::warning));
}

BOOST_AUTO_TEST_CASE(what_this_kernel_is_set_to_is_read) {
  Node node;
  node.sources.try_lsm = [] { return Result<>(fail("refused")); };
  BOOST_TEST((node.finding("thread-table").state == State::note));
  node.write("proc/sys/kernel/pid_max", "65536\n");  // the table's room, not what may be used
  BOOST_TEST((node.finding("thread-table").state == State::note));
  BOOST_TEST(node.finding("thread-table").remedy.find("below 61440 threads") != std::string::npos);
  node.write("proc/sys/kernel/pid_max", "32768\n");
  BOOST_TEST((node.finding("thread-table").state == State::ok));
  BOOST_TEST((node.finding("user-namespaces").state == State::warning));
  node.write("proc/sys/user/max_user_namespaces", "0\n");
  BOOST_TEST((node.finding("user-namespaces").state == State::ok));
  node.write("proc/sys/kernel/io_uring_disabled", "2\n");
  BOOST_TEST(node.finding("io-uring").detail.find("switched off") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(cgroup_trees_are_told_apart) {
  const Node node;
  BOOST_TEST((node.finding("cgroup").state == State::ok));
  node.remove("sys/fs/cgroup/cgroup.controllers");
  BOOST_TEST((node.finding("cgroup").state == State::missing));
  node.write("sys/fs/cgroup/unified/cgroup.controllers", "");
  BOOST_TEST((node.finding("cgroup").state == State::warning));
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_missing) {
  const Node node;
  node.remove("sys/kernel/btf");
  node.write("proc/self/mounts", "none /sys/fs/cgroup cgroup2 rw 0 0\n");
  BOOST_TEST((node.finding("btf").state == State::missing));
  BOOST_TEST((node.finding("bpffs").state == State::missing));
}

BOOST_AUTO_TEST_CASE(runtimes_are_shown_with_their_versions_and_escaped) {
  const Node node;
  BOOST_TEST((node.finding("crun").state == State::ok));
  BOOST_TEST((node.finding("runc").state == State::note));
  Box box;
  box.sources = node.sources;
  BOOST_TEST(box.run({"doctor"}).out.find("crun version 1\\x1b") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(json_says_whether_bpf_lsm_works) {
  const Node node;
  Box box;
  box.sources = node.sources;
  const auto json = nlohmann::json::parse(box.run({"doctor", "--json"}).out);
  BOOST_TEST(json["bpf_lsm"] == true);
  BOOST_TEST(json["backend"] == "lsm");
  BOOST_TEST(json["findings"].size() > 20U);
}

BOOST_AUTO_TEST_CASE(this_machine_can_be_looked_at) {
  Box box;
  box.sources = this_machine();
  const auto outcome = box.run({"doctor", "--json"});
  const auto json = nlohmann::json::parse(outcome.out);
  BOOST_TEST(json["kernel"].get<std::string>() != "");
  BOOST_TEST(outcome.code == (json["backend"] == "none" ? kFailed : kOk));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::ctl::test
