#include "vsock_device.hpp"

#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace usher::test {
namespace {

// The guest's addresses are this program's own.
std::uint64_t address_of(const void* at) {
  return reinterpret_cast<std::uint64_t>(at);
}

Fd event_fd(int flags) {
  return Fd(::eventfd(0, EFD_CLOEXEC | flags));
}

void signal(const Fd& event) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(event.get(), &one, sizeof one);
}

std::uint64_t wait(const Fd& event) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(event.get(), &count, sizeof count);
  return count;
}

}  // namespace

Result<VsockDevice> VsockDevice::open(std::uint64_t cid) {
  VsockDevice made(cid);
  made.device_ = Fd(::open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC));
  if (!made.device_) {
    return fail_system("cannot open /dev/vhost-vsock");
  }
  if (auto done = made.set_up(); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return made;
}

Result<> VsockDevice::set_up() {
  void* const pages = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (pages == MAP_FAILED) {
    return fail_system("cannot map the queues");
  }
  memory_ = static_cast<Memory*>(pages);
  kick_ = event_fd(0);
  wanted_ = event_fd(0);
  called_ = event_fd(EFD_NONBLOCK);
  sent_ = event_fd(0);

  alignas(vhost_memory) char table[sizeof(vhost_memory) + sizeof(vhost_memory_region)] = {};
  auto* const memory = reinterpret_cast<vhost_memory*>(table);
  memory->nregions = 1;
  memory->regions[0].guest_phys_addr = address_of(pages);
  memory->regions[0].userspace_addr = address_of(pages);
  memory->regions[0].memory_size = sizeof(Memory);
  const std::uint64_t features = 1ULL << VIRTIO_F_VERSION_1;
  const int device = device_.get();
  if (::ioctl(device, VHOST_SET_OWNER) != 0 ||
      ::ioctl(device, VHOST_SET_FEATURES, &features) != 0 ||
      ::ioctl(device, VHOST_SET_MEM_TABLE, memory) != 0) {
    return fail_system("cannot set up the vhost device");
  }
  auto done = set_up(0, memory_->from_host, wanted_, called_);
  if (done) {
    done = set_up(1, memory_->to_host, kick_, sent_);
  }
  if (!done) {
    return done;
  }
  for (std::uint16_t i = 0; i < kEntries; ++i) {
    auto& queue = memory_->from_host;
    queue.descriptors[i] = {address_of(queue.buffers[i]), sizeof(queue.buffers[i]),
                            VRING_DESC_F_WRITE, 0};
    offer(queue, i);
  }
  const int running = 1;
  if (::ioctl(device, VHOST_VSOCK_SET_GUEST_CID, &cid_) != 0 ||
      ::ioctl(device, VHOST_VSOCK_SET_RUNNING, &running) != 0) {
    return fail_system("cannot give the vhost device its context id");
  }
  signal(wanted_);
  return {};
}

Result<> VsockDevice::set_up(unsigned index, Queue& queue, const Fd& kick, const Fd& call) {
  const vhost_vring_state size{index, kEntries};
  const vhost_vring_state base{index, 0};
  const vhost_vring_addr addresses{index,
                                   0,
                                   address_of(&queue.descriptors),
                                   address_of(&queue.used),
                                   address_of(&queue.available),
                                   0};
  const vhost_vring_file kicked{index, kick.get()};
  const vhost_vring_file called{index, call.get()};
  const int device = device_.get();
  if (::ioctl(device, VHOST_SET_VRING_NUM, &size) != 0 ||
      ::ioctl(device, VHOST_SET_VRING_BASE, &base) != 0 ||
      ::ioctl(device, VHOST_SET_VRING_ADDR, &addresses) != 0 ||
      ::ioctl(device, VHOST_SET_VRING_KICK, &kicked) != 0 ||
      ::ioctl(device, VHOST_SET_VRING_CALL, &called) != 0) {
    return fail_system("cannot set up a queue of the vhost device");
  }
  return {};
}

void VsockDevice::offer(Queue& queue, std::uint16_t descriptor) {
  const std::uint16_t index = queue.available.idx;
  queue.available.ring[index % kEntries] = descriptor;
  std::atomic_ref(queue.available.idx)
      .store(static_cast<std::uint16_t>(index + 1), std::memory_order_release);
}

// One at a time: returns when the host's kernel has it.
void VsockDevice::send(virtio_vsock_hdr header, std::string_view payload) {
  payload = payload.substr(0, kPayload);
  header.src_cid = cid_;
  header.dst_cid = 2;
  header.type = VIRTIO_VSOCK_TYPE_STREAM;
  header.len = static_cast<std::uint32_t>(payload.size());
  header.buf_alloc = 1U << 20;
  auto& queue = memory_->to_host;
  std::memcpy(queue.buffers[0], &header, sizeof header);
  std::copy(payload.begin(), payload.end(), queue.buffers[0] + sizeof header);
  queue.descriptors[0] = {address_of(queue.buffers[0]),
                          static_cast<std::uint32_t>(sizeof header + payload.size()), 0, 0};
  offer(queue, 0);
  ++told_;
  signal(kick_);
  while (std::atomic_ref(queue.used.idx).load(std::memory_order_acquire) != told_) {
    wait(sent_);
  }
}

void VsockDevice::receive(const Take& take) {
  wait(called_);
  auto& queue = memory_->from_host;
  while (std::atomic_ref(queue.used.idx).load(std::memory_order_acquire) != taken_) {
    const auto& used = queue.used.ring[taken_++ % kEntries];
    const char* const buffer = queue.buffers[used.id];
    virtio_vsock_hdr header{};
    std::memcpy(&header, buffer, sizeof header);
    const std::string copy(buffer + sizeof header, used.len - sizeof header);
    offer(queue, static_cast<std::uint16_t>(used.id));
    signal(wanted_);
    take(header, copy);
  }
}

}  // namespace usher::test
