#include "enforce/events.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace usher::enforce {

std::optional<usher_kernel_event> decode_event(const void* record, std::size_t size) {
  constexpr std::size_t kFixed = offsetof(usher_kernel_event, data);
  if (size < kFixed) {
    return std::nullopt;
  }
  usher_kernel_event event{};
  std::memcpy(&event, record, std::min(size, sizeof event));
  const bool known = event.type == USHER_EVENT_VERDICT || event.type == USHER_EVENT_CGROUP_GONE ||
                     event.type == USHER_EVENT_ARMED;
  const std::size_t data = std::min({size, sizeof event, std::size_t{event.size}});
  if (!known || data < kFixed || std::size_t{event.path_len} + event.args_len > data - kFixed ||
      event.kind >= USHER_KINDS || event.verdict > USHER_KILLED ||
      event.workload >= USHER_MAX_WORKLOADS || event.profile >= USHER_MAX_PROFILES) {
    return std::nullopt;
  }
  return event;
}

Result<std::unique_ptr<Events>> Events::open(int map_fd) {
  std::unique_ptr<Events> events(new Events);
  events->ring_.reset(ring_buffer__new(map_fd, &Events::on_record, events.get(), nullptr));
  if (!events->ring_) {
    return fail_system("cannot map the ring buffer of events");
  }
  return events;
}

Events::~Events() = default;

void Events::Free::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

int Events::fd() const {
  return ring_buffer__epoll_fd(ring_.get());
}

Result<> Events::consume(const Sink& sink) {
  sink_ = &sink;
  malformed_ = 0;
  const int count = ring_buffer__consume(ring_.get());
  sink_ = nullptr;
  if (count < 0) {
    return fail_system("cannot read the ring buffer of events", -count);
  }
  if (malformed_ > 0) {
    return fail(
        fmt::format("{} records in the ring buffer of events make no sense and were left "
                    "out: do the kernel programs belong to another version of usher?",
                    malformed_));
  }
  return {};
}

int Events::on_record(void* self, void* record, std::size_t size) {
  auto* events = static_cast<Events*>(self);
  if (auto event = decode_event(record, size)) {
    (*events->sink_)(*event);
  } else {
    ++events->malformed_;
  }
  return 0;
}

}  // namespace usher::enforce
