#include "enforce/departure.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <thread>

#include "base/fd.hpp"

namespace usher::enforce {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{2};
constexpr std::chrono::milliseconds kDetaching{200};

// True when `open(id)` finds nothing by then.
bool gone(int (*open)(std::uint32_t), std::uint32_t id, Clock::time_point until) {
  while (Fd(open(id))) {
    if (Clock::now() > until) {
      return false;
    }
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

std::vector<Attachment> pinned_attachments(const fs::path& root) {
  std::vector<Attachment> attachments;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(root, error), end; !error && entry != end;
       entry.increment(error)) {
    const Fd link(bpf_obj_get(entry->path().c_str()));
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    // A map would answer too, with what a map is.
    if (link && entry->path().parent_path().parent_path().filename() == "links" &&
        bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0) {
      attachments.push_back({.link = info.id, .program = info.prog_id});
    }
  }
  return attachments;
}

Result<> await_departure(const std::vector<Attachment>& attachments,
                         std::chrono::milliseconds deadline) {
  const auto until = Clock::now() + deadline;
  for (const Attachment& a : attachments) {
    if (!gone(bpf_link_get_fd_by_id, a.link, until)) {
      return fail(fmt::format("all is unpinned, but link {} is still there after {} ms and its "
                              "program goes on: bpftool link show id {} says who holds it",
                              a.link, deadline.count(), a.link),
                  EBUSY);
    }
  }
  const auto detached = Clock::now() + kDetaching;
  for (const Attachment& a : attachments) {
    gone(bpf_prog_get_fd_by_id, a.program, detached);
  }
  return {};
}

}  // namespace usher::enforce
