// Relay: a sandbox's virtual machine as the host sees it.
#include <utility>

#include "base/escape.hpp"
#include "kata/relay.hpp"

namespace usher::kata {
namespace {

// Where the agent does not take it, the next look at the monitor tries again.
plugin::Flow publish(plugin::Host host, plugin::Event event, std::shared_ptr<bool> published) {
  try {
    co_await host.publish(std::move(event));
  } catch (...) {
    *published = false;
    throw;
  }
}

}  // namespace

void Relay::look_for_cgroup(Sandbox& sandbox) {
  const auto& id = sandbox.guest->sandbox_id();
  if (sandbox.cgroup.empty() && sandbox.identity && !id.empty()) {
    sandbox.cgroup = sandbox_cgroup(bounds_.kernel, sandbox.identity->pod_uid, id).value_or("");
  }
}

// Where nobody connected yet: by the sandbox's cgroup.
void Relay::look_for_monitor(Sandbox& sandbox) {
  if (*sandbox.published && is_alive(sandbox.monitor.pidfd)) {
    return;
  }
  if (!is_alive(sandbox.monitor.pidfd)) {
    look_for_cgroup(sandbox);
    if (sandbox.cgroup.empty()) {
      return;
    }
    auto monitor = monitor_in(bounds_.kernel, sandbox.cgroup);
    if (!monitor) {
      return;
    }
    sandbox.monitor.pid = monitor->pid;
    sandbox.monitor.pidfd = std::move(monitor->pidfd);
    sandbox.monitor.cgroup = std::move(monitor->cgroup);
    sandbox.monitor.placed = true;
    sandbox.published = std::make_shared<bool>(false);
  }
  publish_monitor(sandbox);
}

// The sandbox's cgroup on the host becomes a workload: what its policies say of the host holds for
// the virtual machine, also when the guest's kernel is lost.
void Relay::publish_monitor(Sandbox& sandbox) {
  if (*sandbox.published || !sandbox.identity || !sandbox.monitor.placed ||
      !is_alive(sandbox.monitor.pidfd)) {
    return;
  }
  *sandbox.published = true;
  plugin::Event event;
  event.kind = USHER_EVENT_CONTAINER_RUNNING;
  event.runtime = "kata";
  event.identity = *sandbox.identity;
  event.pid = sandbox.monitor.pid;
  publish(host_, std::move(event), sandbox.published);
}

void Relay::missing(const std::string& id, const std::string& container, bool refused) {
  Sandbox* sandbox = find(id);
  if (sandbox == nullptr) {
    return;
  }
  const std::string what =
      refused ? "container " + escape(container) +
                    " runs though it was refused: the guest hook did not stop it"
              : "container " + escape(container) +
                    " runs and no guest hook asked for it: see guest_hook_path of Kata's "
                    "configuration, the hook in the guest's image, and that nothing puts OCI hooks "
                    "into Kata's pods, for which Kata leaves out the guest's";
  sandbox->guest->warn("guest-missing", container, what);
  if (options_.missing_kill) {
    kill(*sandbox, container);
  }
}

void Relay::kill(Sandbox& sandbox, const std::string& container) {
  if (!sandbox.monitor.placed || !is_alive(sandbox.monitor.pidfd)) {
    sandbox.monitor = {};
    look_for_monitor(sandbox);
  }
  // The monitor may have been moved since: only what is in the sandbox's cgroup now is its.
  const auto now = sandbox.monitor.pid > 0 ? cgroup_of(bounds_.kernel, sandbox.monitor.pid)
                                           : fail("its monitor is not known");
  if (!now || !sandbox.monitor.placed || *now != sandbox.monitor.cgroup ||
      !is_alive(sandbox.monitor.pidfd)) {
    return sandbox.guest->warn("guest-not-killed", container,
                               "the sandbox goes on: which process is its virtual machine is not "
                               "certain");
  }
  const auto killed = kill_process(sandbox.monitor.pidfd);
  sandbox.guest->warn(killed ? "guest-killed" : "guest-not-killed", container,
                      killed ? "the sandbox was ended (missing = \"kill\"): pid " +
                                   std::to_string(sandbox.monitor.pid)
                             : killed.error().message);
}

}  // namespace usher::kata
