// The kernel's ring buffer of events, checked record by record.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "usher_bpf.h"

struct ring_buffer;

namespace usher::enforce {

// A record as an event whose lengths can be trusted: path_len and args_len lie within what was
// sent, every number that is used as an index is in range. Nothing when it is not so. What the
// record does not carry is zero.
std::optional<usher_kernel_event> decode_event(const void* record, std::size_t size);

// On the owner's thread.
class Events {
 public:
  using Sink = std::function<void(usher_kernel_event&)>;

  static Result<std::unique_ptr<Events>> open(int map_fd);
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events();

  int fd() const;  // readable when there are events
  // Hands all that is there to `sink`, which must not throw. Records that make no sense are left
  // out and are an error, after the others have been handed on.
  Result<> consume(const Sink& sink);

 private:
  Events() = default;
  static int on_record(void* self, void* record, std::size_t size);

  struct Free {
    void operator()(ring_buffer* ring) const;
  };
  std::unique_ptr<ring_buffer, Free> ring_;
  const Sink* sink_ = nullptr;
  std::uint32_t malformed_ = 0;
};

}  // namespace usher::enforce
