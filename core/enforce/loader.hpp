// From an opened object to programs in the kernel, on maps that all objects share by their pins.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "enforce/object.hpp"
#include "enforce/pins.hpp"

namespace usher::enforce {

// libbpf writes its own opinion to stderr; what it knows is in our errors. Process-wide.
void silence_libbpf();

// Loads an object. A map that is pinned already is taken over, any other is created and pinned. An
// error carries the end of the verifier's log.
Result<std::unique_ptr<Object>> load_object(OpenObject open, const std::string& name,
                                            const Pins& pins);

// A map of a loaded object; owned by the object.
Result<int> map_fd(const Object& object, const char* name);

// Attaches every program of the object that attaches to a place (iterators and programs that are
// run by hand do not) and pins the links in `directory`; cgroup programs attach to `cgroup_root`.
// The pins keep them attached without an agent; the descriptors, one for each, keep them attached
// where somebody removes the pins under one that runs. After an error some may be pinned.
Result<std::vector<Fd>> attach_all(const Object& object, const std::filesystem::path& directory,
                                   const std::filesystem::path& cgroup_root);

}  // namespace usher::enforce
