#include "enforce/rates.hpp"

#include <bpf/bpf.h>

#include <vector>

#include "enforce/libbpf_options.hpp"
namespace usher::enforce {

void Rates::for_each(
    const std::function<void(const usher_rate_key&, const usher_rate&)>& visit) const {
  constexpr __u32 kBatch = 1024;
  std::vector<usher_rate_key> keys(kBatch);
  std::vector<usher_rate> values(kBatch);
  std::uint64_t position = 0;  // opaque to us; the kernel needs 4 bytes
  const auto options = libbpf_options<bpf_map_batch_opts>();
  for (bool first = true, more = true; more; first = false) {
    __u32 count = kBatch;
    const int code = bpf_map_lookup_batch(map_fd_, first ? nullptr : &position, &position,
                                          keys.data(), values.data(), &count, &options);
    if (code != 0 && errno != ENOENT) {
      return;
    }
    more = code == 0;
    for (__u32 i = 0; i < count; ++i) {
      visit(keys[i], values[i]);
    }
  }
}

void Rates::start() {
  for_each(
      [this](const usher_rate_key& key, const usher_rate& rate) { ledger_.on_start(key, rate); });
}

std::vector<Enforcer::Suppressed> Rates::take(
    const std::function<bool(const usher_rate_key&)>& live) {
  std::vector<Enforcer::Suppressed> untold;
  std::vector<usher_rate_key> gone;
  for_each([&](const usher_rate_key& key, const usher_rate& rate) {
    if (const std::uint64_t count = ledger_.on_read(key, rate); count > 0) {
      untold.push_back({key.workload, key.rule, count});
    }
    if (!live(key)) {
      gone.push_back(key);
    }
  });
  for (const usher_rate_key& key : gone) {
    bpf_map_delete_elem(map_fd_, &key);
    ledger_.forget(key);
  }
  return untold;
}

}  // namespace usher::enforce
