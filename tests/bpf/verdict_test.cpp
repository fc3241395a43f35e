// The kernel's decision against the evaluator's and the brute-force matcher's, over random policies
// and questions. Runs on every kernel that takes SYSCALL programs; needs root.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "base/escape.hpp"
#include "brute_force.hpp"
#include "policy/keyed_hash.hpp"
#include "random_policy.hpp"
#include "verdict.skel.h"

using namespace usher;

namespace {

std::uint64_t seed_of_this_run() {
  if (const char* given = std::getenv("USHER_TEST_SEED")) {
    return std::strtoull(given, nullptr, 0);
  }
  return std::random_device{}();
}

template <typename T>
class Mapping {
 public:
  Mapping(bpf_map* map, std::size_t count) : bytes_(count * sizeof(T)) {
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    BOOST_REQUIRE_MESSAGE(at != MAP_FAILED, "mmap " << bpf_map__name(map));
    values_ = static_cast<T*>(at);
  }
  ~Mapping() { munmap(values_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  T& operator[](std::size_t i) { return values_[i]; }

 private:
  std::size_t bytes_;
  T* values_;
};

constexpr std::uint32_t kWorkload = 1;
constexpr std::uint32_t kProfile = 1;
constexpr std::uint32_t kBase = 77;  // arena cell: profiles must not depend on where they lie

class Kernel {
 public:
  static std::unique_ptr<Kernel> load() {
    auto* skeleton = verdict_bpf__open_and_load();
    return skeleton != nullptr ? std::unique_ptr<Kernel>(new Kernel(skeleton)) : nullptr;
  }
  ~Kernel() { verdict_bpf__destroy(skeleton_); }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  void set(const usher_key& key, const policy::ProfileImage& image) {
    usher_config& config = config_[0];
    config.key = key;
    const std::array<std::string_view, 6> merged = {"bin",   "sbin",  "lib",
                                                    "lib32", "lib64", "libx32"};
    for (std::size_t i = 0; i < merged.size(); ++i) {
      config.merged_hash[i] = policy::hash_name(key, merged[i]);
    }
    config.usr_hash = policy::hash_name(key, "usr");
    BOOST_REQUIRE(kBase + image.cells.size() <= USHER_ARENA_CELLS);
    for (std::size_t i = 0; i < image.cells.size(); ++i) {
      arena_[kBase + i] = image.cells[i];
    }
    profiles_[kProfile] = policy::place(image.header, kBase);
    workloads_[kWorkload] = {};
    workloads_[kWorkload].profile = kProfile;
    workloads_[kWorkload].flags = USHER_WORKLOAD_LIVE;
  }

  policy::Verdict judge(const policy::Query& query) {
    auto q = std::make_unique<usher_query>();
    q->workload = kWorkload;
    q->kind = static_cast<std::uint8_t>(query.on);
    q->protocol = query.protocol;
    q->family = query.address.v6 ? AF_INET6 : AF_INET;
    q->anonymous = query.anonymous;
    q->unknown = query.unknown;
    q->port = query.port;
    std::memcpy(q->address, query.address.bytes.data(), 16);
    q->path_len = put(q->path, query.path);
    q->requested_len = put(q->requested, query.requested);
    q->program_len = put(q->program, query.program);
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.ctx_in = q.get();
    options.ctx_size_in = sizeof(*q);
    const int error = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.judge), &options);
    BOOST_REQUIRE_MESSAGE(error == 0, "judge: " << std::strerror(-error));
    BOOST_REQUIRE_EQUAL(options.retval, 0U);
    return {q->verdict, q->rule, false};
  }

 private:
  explicit Kernel(verdict_bpf* skeleton)
      : skeleton_(skeleton),
        config_(skeleton->maps.config, 1),
        workloads_(skeleton->maps.workloads, USHER_MAX_WORKLOADS),
        profiles_(skeleton->maps.profiles, USHER_MAX_PROFILES),
        arena_(skeleton->maps.arena, USHER_ARENA_CELLS) {}

  static std::uint16_t put(char (&to)[1024], const std::string& text) {
    BOOST_REQUIRE(text.size() < sizeof(to));
    std::memcpy(to, text.data(), text.size());
    return static_cast<std::uint16_t>(text.size());
  }

  verdict_bpf* skeleton_;
  Mapping<usher_config> config_;
  Mapping<usher_workload> workloads_;
  Mapping<usher_profile> profiles_;
  Mapping<usher_cell> arena_;
};

std::string describe(const policy::Query& q) {
  return std::string(policy::operation_name(q.on)) + " path=" + escape(q.path) +
         " requested=" + escape(q.requested) + " program=" + escape(q.program) +
         (q.unknown ? " unknown" : "") + (q.anonymous ? " anonymous" : "") +
         " port=" + std::to_string(q.port);
}

}  // namespace

BOOST_AUTO_TEST_CASE(kernel_decides_as_the_evaluator_and_the_policies_text) {
  if (geteuid() != 0) {
    BOOST_TEST_MESSAGE("SKIPPED: needs root to load a BPF program");
    return;
  }
  const auto kernel = Kernel::load();
  BOOST_REQUIRE_MESSAGE(kernel, "verdict program does not load");
  const std::uint64_t seed = seed_of_this_run();
  BOOST_TEST_MESSAGE("seed " << seed << " (set USHER_TEST_SEED to repeat)");
  test::RandomPolicies random(seed);
  std::array<int, 5> seen{};
  for (int round = 0; round < 1000; ++round) {
    const auto rules = random.rule_set();
    const auto merged = random.merged();
    const auto key = random.key();
    test::RuleTable table;
    const auto image =
        policy::compile(rules, {key, merged, policy::lsm_capabilities()}, table.ids());
    BOOST_REQUIRE(image.has_value());
    kernel->set(key, *image);
    for (int i = 0; i < 10; ++i) {
      const auto query = random.query(rules);
      const auto expected = test::brute_force(rules, merged, query);
      const auto evaluated = policy::evaluate(image->header, image->cells, key, query);
      const auto verdict = kernel->judge(query);
      const auto rule = table.name(verdict.rule);
      ++seen[verdict.decision];
      BOOST_TEST_CONTEXT("seed " << seed << " round " << round << " case " << i << " merged "
                                 << merged << ": " << describe(query)) {
        BOOST_REQUIRE_EQUAL(verdict.decision, expected.decision);
        BOOST_REQUIRE_EQUAL(rule.policy + "/" + rule.rule,
                            expected.rule.policy + "/" + expected.rule.rule);
        BOOST_REQUIRE_EQUAL(verdict.decision, evaluated.decision);
        BOOST_REQUIRE_EQUAL(verdict.rule, evaluated.rule);
      }
    }
  }
  for (const int count : seen) {
    BOOST_TEST(count > 100);  // the questions must not all have the same answer
  }
}
