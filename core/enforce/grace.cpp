#include "enforce/grace.hpp"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "enforce/libbpf_options.hpp"

namespace usher::enforce {

namespace {

Result<> replace_in_map_of_maps() {
  constexpr std::uint32_t kWord = 4;
  const Fd inner(bpf_map_create(BPF_MAP_TYPE_ARRAY, "usher_grace_in", kWord, kWord, 1, nullptr));
  if (!inner) {
    return fail_system("cannot create the map that a grace period is waited with");
  }
  auto options = libbpf_options<bpf_map_create_opts>();
  options.inner_map_fd = static_cast<__u32>(inner.get());
  const Fd outer(
      bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "usher_grace", kWord, kWord, 1, &options));
  if (!outer) {
    return fail_system("cannot create the map of maps that a grace period is waited with");
  }
  const std::uint32_t key = 0;
  const int value = inner.get();
  if (bpf_map_update_elem(outer.get(), &key, &value, BPF_ANY) != 0) {
    return fail_system("cannot update the map of maps that a grace period is waited with");
  }
  return {};
}

}  // namespace

Result<> wait_for_readers() {
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) {
    return {};
  }
  return replace_in_map_of_maps();
}

Grace::Grace(Wait wait)
    : wait_(std::move(wait)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Grace::~Grace() = default;

std::uint64_t Grace::request() {
  const std::scoped_lock lock(mutex_);
  ++requested_;
  changed_.notify_all();
  return requested_;
}

std::uint64_t Grace::passed() const {
  const std::scoped_lock lock(mutex_);
  return passed_;
}

std::optional<Error> Grace::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

Result<> Grace::await(std::uint64_t ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return passed_ >= ticket || failure_.has_value(); });
  if (passed_ >= ticket) {
    return {};
  }
  return std::unexpected(*failure_);
}

void Grace::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return requested_ > passed_; })) {
    if (stop.stop_requested()) {
      return;
    }
    const std::uint64_t target = requested_;
    lock.unlock();
    Result<> waited = wait_();
    lock.lock();
    if (!waited) {
      failure_ = std::move(waited.error());
      changed_.notify_all();
      return;
    }
    passed_ = target;
    changed_.notify_all();
  }
}

}  // namespace usher::enforce
