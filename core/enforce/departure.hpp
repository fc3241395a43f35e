// The end of attached programs. Unpinning drops a link's last reference, but the kernel detaches
// the program a little later, from a work queue: until then it goes on denying.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/error.hpp"

namespace usher::enforce {

struct Attachment {
  std::uint32_t link = 0;  // the kernel's ids
  std::uint32_t program = 0;
};

// What the links attach that are pinned below `root`. What is no link, or cannot be opened, is left
// out.
std::vector<Attachment> pinned_attachments(const std::filesystem::path& root);

// Blocks until the kernel has none of these links any more. An error names one that is still there
// at the deadline: somebody else holds it. The link's id goes a moment before the program is
// detached, so its program is waited for too, but not for long: an agent that runs holds its own.
Result<> await_departure(const std::vector<Attachment>& attachments,
                         std::chrono::milliseconds deadline);

}  // namespace usher::enforce
