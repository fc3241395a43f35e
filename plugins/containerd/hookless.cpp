#include "containerd/hookless.hpp"

#include "base/escape.hpp"
#include "containerd/install/base_spec.hpp"
#include "install/node.hpp"

namespace usher::containerd {
namespace {

constexpr std::size_t kMaxSpec = 4U << 20;

// Why it has no hook; empty: it has one, or may have.
std::string lacks_hook(const Options& options, const Handler& handler) {
  if (handler.base_spec.empty()) {
    return "no base runtime spec";
  }
  const auto spec = install::Node(options.root).read(handler.base_spec, kMaxSpec);
  // Of the node's files a container may see none.
  return spec && *spec && !holds_our_hook(**spec) ? escape(handler.base_spec) + ", where it is not"
                                                  : "";
}

}  // namespace

std::string hookless(const Options& options, const Handlers& handlers) {
  std::string of;
  for (const auto& [name, handler] : handlers.runtimes) {
    if (!gets_hook(options, name, handler.type)) {
      continue;
    }
    if (const auto why = lacks_hook(options, handler); !why.empty()) {
      of += (of.empty() ? "" : ", ") + escape(name) + " (" + why + ")";
    }
  }
  return of.empty() ? ""
                    : "containerd begins containers without the hook for the runtime " + of +
                          ": while NRI or the agent is away nothing stops them; run: usherctl "
                          "runtime install containerd, and restart containerd";
}

}  // namespace usher::containerd
