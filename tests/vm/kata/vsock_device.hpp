// A guest's vsock without the guest: a real vhost-vsock device of this kernel, so that the host's
// side sees a context id, and the little of a virtio driver that a guest's kernel would have.
// Small messages only: no window of the other side's is kept.
#pragma once

#define VIRTIO_RING_NO_LEGACY  // whose inline functions are C
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace usher::test {

class VsockDevice {
 public:
  // A packet from the host.
  using Take = std::function<void(const virtio_vsock_hdr& header, std::string_view payload)>;

  static Result<VsockDevice> open(std::uint64_t cid);

  // To the host; the ports and the operation are the header's, the rest is filled in.
  void send(virtio_vsock_hdr header, std::string_view payload = {});
  // Readable when the host has said something: receive() then.
  int fd() const { return called_.get(); }
  void receive(const Take& take);

  static constexpr std::size_t kPayload = 4096 - sizeof(virtio_vsock_hdr);

 private:
  static constexpr unsigned kEntries = 16;
  struct Queue {
    vring_desc descriptors[kEntries];
    struct {
      __virtio16 flags, idx, ring[kEntries], event;
    } available;
    alignas(4096) struct {
      __virtio16 flags, idx;
      vring_used_elem ring[kEntries];
      __virtio16 event;
    } used;
    alignas(4096) char buffers[kEntries][4096];
  };
  struct Memory {
    alignas(4096) Queue from_host;
    alignas(4096) Queue to_host;
  };

  explicit VsockDevice(std::uint64_t cid) : cid_(cid) {}
  Result<> set_up();
  Result<> set_up(unsigned index, Queue& queue, const Fd& kick, const Fd& call);
  void offer(Queue& queue, std::uint16_t descriptor);

  std::uint64_t cid_;
  Fd device_;
  Fd kick_, wanted_, called_, sent_;  // eventfds
  Memory* memory_ = nullptr;          // as long as the program
  std::uint16_t taken_ = 0, told_ = 0;
};

}  // namespace usher::test
