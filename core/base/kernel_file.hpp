// Files of the kernel's own file systems, also where nobody mounted those.
#pragma once

#include <string>

#include "base/error.hpp"

namespace usher {

// `file` of a file system of this `type` ("securityfs", "debugfs"), at `mount_point` or, where
// nothing is mounted there, in a private instance, which shows up in no mount table and asks for
// CAP_SYS_ADMIN. At most 4096 bytes.
Result<std::string> read_kernel_file(const char* type, const char* mount_point, const char* file);

}  // namespace usher
