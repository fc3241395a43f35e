#include "enforce/config_map.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "policy/keyed_hash.hpp"
#include "usher_hash.h"

namespace usher::enforce {

namespace {

template <class T>
void store(T& field, T value) {
  std::atomic_ref<T>(field).store(value, std::memory_order_release);
}

Result<> draw_key(usher_key& key) {
  std::array<std::uint64_t, 4> drawn{};
  while (drawn[0] == 0) {
    if (::getrandom(drawn.data(), sizeof drawn, 0) != sizeof drawn) {
      return fail_system("cannot draw the secret key of the profiles");
    }
  }
  store<__u64>(key.mul1, drawn[1] | 1);
  store<__u64>(key.mul2, drawn[2] | 1);
  store<__u64>(key.mul3, drawn[3] | 1);
  store<__u64>(key.seed, drawn[0]);
  return {};
}

}  // namespace

bool has_key(const usher_config& config) {
  return config.key.seed != 0;
}

Result<> prepare_config(usher_config& config, std::uint32_t event_burst,
                        std::uint32_t event_window_ms) {
  if (!has_key(config)) {
    if (auto drawn = draw_key(config.key); !drawn) {
      return drawn;
    }
  }
  static constexpr std::array kMerged{"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
  static_assert(kMerged.size() == std::size(usher_config{}.merged_hash));
  for (std::size_t i = 0; i < kMerged.size(); ++i) {
    store<__u64>(config.merged_hash[i], policy::hash_name(config.key, kMerged[i]));
  }
  store<__u64>(config.usr_hash, policy::hash_name(config.key, "usr"));
  store<__u32>(config.event_burst, event_burst);
  store<__u32>(config.event_window_ms, event_window_ms);
  return {};
}

Result<> set_host_roots(usher_config& config, std::span<const std::uint64_t> roots) {
  if (roots.empty() || roots.size() > USHER_HOST_ROOTS) {
    return fail(fmt::format("{} different roots of the host were found, 1 to {} were expected",
                            roots.size(), static_cast<int>(USHER_HOST_ROOTS)));
  }
  const std::span<__u64> places(config.host_root);
  for (const std::uint64_t root : roots) {
    if (std::ranges::find(places, root) != places.end()) {
      continue;
    }
    const auto place = std::ranges::find_if(
        places, [&](std::uint64_t held) { return std::ranges::find(roots, held) == roots.end(); });
    store<__u64>(*place, root);
  }
  for (__u64& place : places) {
    if (std::ranges::find(roots, place) == roots.end()) {
      store<__u64>(place, 0);
    }
  }
  return {};
}

Result<> set_unenrolled_rules(usher_unenrolled& rules, const usher_key& key,
                              const Unenrolled& wanted, std::uint32_t workload) {
  if (wanted.programs.size() > USHER_EXEMPT_PROGRAMS ||
      wanted.pod_cgroups.size() > USHER_POD_ROOTS) {
    return fail(fmt::format(
        "{} exempt programs and {} names of pods' cgroups are given, there is room for {} and {}",
        wanted.programs.size(), wanted.pod_cgroups.size(), static_cast<int>(USHER_EXEMPT_PROGRAMS),
        static_cast<int>(USHER_POD_ROOTS)));
  }
  for (std::size_t i = 0; i < USHER_EXEMPT_PROGRAMS; ++i) {
    store<__u64>(rules.program[i],
                 i < wanted.programs.size()
                     ? policy::fold_path(key, usher_program_root(&key), wanted.programs[i])
                     : 0);
  }
  for (std::size_t i = 0; i < USHER_POD_ROOTS; ++i) {
    store<__u64>(rules.root[i],
                 i < wanted.pod_cgroups.size() ? policy::hash_name(key, wanted.pod_cgroups[i]) : 0);
  }
  store<__u64>(rules.agent_cgroup, wanted.agent_cgroup);
  store<__u64>(rules.agent_program,
               wanted.agent_program.empty()
                   ? 0
                   : policy::fold_path(key, usher_program_root(&key), wanted.agent_program));
  store<__u32>(rules.workload, workload);
  return {};
}

}  // namespace usher::enforce
