#include "adapter/counters.hpp"

namespace usher::adapter {
namespace {

constexpr std::array<std::string_view, kCounts> kNames = {"events",
                                                          "gates",
                                                          "gates_timed_out",
                                                          "refused_busy",
                                                          "log_lines_dropped",
                                                          "short_structs",
                                                          "wild_lengths",
                                                          "null_members",
                                                          "bad_values",
                                                          "answered_twice",
                                                          "answered_late",
                                                          "calls_after_stop",
                                                          "wrong_threads",
                                                          "slow_calls",
                                                          "never_stopped"};

}  // namespace

std::string_view name_of(Count count) {
  return kNames[static_cast<std::size_t>(count)];
}

std::map<std::string, std::uint64_t> Counters::all() const {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < kCounts; ++i) {
    out.emplace(kNames[i], values_[i]);
  }
  return out;
}

}  // namespace usher::adapter
