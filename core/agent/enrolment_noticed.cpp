// The gate for hooks of another system, which name neither the runtime nor a pid: where the
// container is comes from the kernel, which runtime it belongs to from the adapters' records of its
// pod, who it is from that runtime's adapter. Names that the hook says decide nothing, not even a
// refusal: a pod's author can write the keys that it reads, and a refusal may be what he wants.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "agent/adapter_health.hpp"
#include "agent/enrolment.hpp"
#include "agent/shown.hpp"
#include "identity/cgroup_path.hpp"

namespace usher::agent {

namespace {

using api::ContainerNotice;

constexpr std::size_t kMaxCgroupPath = 4096;

// What the hook says otherwise than it is, for people; empty where nothing.
std::string untrue(const ContainerNotice& notice, const identity::Identity& who) {
  struct Claim {
    std::string_view what;
    const std::string& claimed;
    const std::string& found;
  };
  std::string out;
  for (const auto& [what, claimed, found] :
       std::array<Claim, 5>{{{"namespace", notice.pod_namespace, who.pod_namespace},
                             {"pod", notice.pod_name, who.pod_name},
                             {"pod uid", notice.pod_uid, who.pod_uid},
                             {"container", notice.container_name, who.container_name},
                             {"container id", notice.container_id, who.container_id}}}) {
    if (!claimed.empty() && claimed != found) {
      out += fmt::format("{}{} \"{}\"", out.empty() ? "" : ", ", what, shown(claimed));
    }
  }
  return out;
}

// The OCI state that the runtime gave the hook, as far as it can be told again.
identity::OciState state_of(const ContainerNotice& notice, std::string id, int pid,
                            const std::filesystem::path& root) {
  identity::OciState state;
  state.oci_version = "1.0.2";
  state.id = std::move(id);
  state.status = "created";
  state.pid = pid;
  state.root = root;
  state.annotations = notice.annotations;
  return state;
}

std::string json_of(const identity::OciState& state) {
  return nlohmann::json{{"ociVersion", state.oci_version},
                        {"id", state.id},
                        {"status", state.status},
                        {"pid", state.pid},
                        {"root", state.root},
                        {"annotations", state.annotations}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The container's id and pod by its cgroup's path, which the kubelet and the runtime chose.
Result<identity::CgroupOwner> owner_by_cgroup(const std::string& path) {
  auto owner = identity::owner_of(path);
  if (owner.container_id.empty()) {
    return fail(
        fmt::format("its cgroup {} does not say which container it is; install usher-hook "
                    "for this runtime, which is told the container's id",
                    shown(path)));
  }
  return owner;
}

}  // namespace

asio::awaitable<v1::HookResponse> Enrolment::notice(ContainerNotice notice,
                                                    std::string named_runtime) {
  const auto begun = std::chrono::steady_clock::now();
  const auto path = shown(notice.cgroups_path);
  identity::Identity found;
  const auto verdict = co_await gate(std::move(notice), std::move(named_runtime), found);
  times_.add(std::chrono::steady_clock::now() - begun, !verdict);
  v1::HookResponse response;
  if (verdict) {
    response.set_verdict(v1::HookResponse::VERDICT_GO);
    co_return response;
  }
  response.set_verdict(v1::HookResponse::VERDICT_REFUSE);
  response.set_message(
      cut(fmt::format("container in cgroup \"{}\" refused: {}", path, verdict.error().message),
          kShownMessage));
  p_.journal.tell(LogLevel::error, "refused", response.message(), &found);
  co_return response;
}

Result<std::string> Enrolment::runtime_of(std::string_view pod_uid,
                                          const std::string& named) const {
  const auto known = p_.sandboxes.runtimes_of_pod(pod_uid);
  if (!named.empty()) {
    if (!known.empty() && !known.contains(named)) {
      return fail(
          fmt::format("an adapter knows its pod as one of runtime \"{}\", but usher.toml "
                      "names \"{}\" as the runtime under [compat.tetragon]",
                      shown(*known.begin()), shown(named)));
    }
    return named;
  }
  if (known.size() == 1) {
    return *known.begin();
  }
  return fail(
      known.empty()
          ? fmt::format("no adapter knows a pod of uid \"{}\", so nobody says who it is; run the "
                        "adapter of its runtime (usherctl adapters), or name the runtime under "
                        "[compat.tetragon] in usher.toml",
                        shown(pod_uid))
          : fmt::format("adapters of {} runtimes know its pod; name the runtime under "
                        "[compat.tetragon] in usher.toml",
                        known.size()));
}

asio::awaitable<Result<identity::Identity>> Enrolment::identify_noticed(
    const std::string& runtime, const std::string& named_runtime, const identity::OciState& state) {
  auto who = co_await p_.adapters.identify(runtime, state, json_of(state), p_.identify_deadline);
  if (!who && !named_runtime.empty() && !is_served(p_.adapters.adapters(), named_runtime)) {
    co_return fail(
        fmt::format("no running adapter serves runtime \"{}\", which [compat.tetragon] in "
                    "usher.toml names; usherctl adapters shows those that are served",
                    shown(named_runtime)));
  }
  if (!who) {
    co_return fail_in(fmt::format("cannot tell who it is by runtime \"{}\"", shown(runtime)),
                      who.error());
  }
  if (auto joined = p_.sandboxes.join(runtime, *who); !joined) {
    co_return std::unexpected(joined.error());
  }
  // Without a runtime that somebody named, the container's own sandbox must be on record.
  if (named_runtime.empty() && p_.sandboxes.find(runtime, who->sandbox_id) == nullptr) {
    co_return fail(
        fmt::format("its keys name sandbox \"{}\", of which runtime \"{}\" has no record",
                    shown(who->sandbox_id), shown(runtime)));
  }
  if (who->record_unknown) {
    co_return fail(
        fmt::format("runtime \"{}\" did not give its own record of sandbox \"{}\", and a hook of "
                    "this kind says too little to do without; see usherctl adapters",
                    shown(runtime), shown(who->sandbox_id)));
  }
  co_return who;
}

asio::awaitable<Result<>> Enrolment::gate(ContainerNotice notice, std::string named_runtime,
                                          identity::Identity& found) {
  if (notice.cgroups_path.size() > kMaxCgroupPath) {
    co_return fail(fmt::format("its cgroup path has {} bytes; at most {} are looked at",
                               notice.cgroups_path.size(), kMaxCgroupPath));
  }
  const auto init = p_.locator.init_in(notice.cgroups_path);
  if (!init) {
    co_return fail_in("cannot find the runtime's init", init.error());
  }
  const auto placement = p_.locator.place(*init);
  if (!placement) {
    co_return fail_in("cannot tell where it runs", placement.error());
  }
  const auto owner = owner_by_cgroup(placement->cgroup_path);
  if (!owner) {
    co_return std::unexpected(owner.error());
  }
  found.container_id = owner->container_id;
  found.pod_uid = owner->pod_uid;
  const auto root = p_.locator.noticed_root(notice.root_dir, notice.cgroups_path, *init);
  if (!root) {
    co_return fail_in("cannot find its root", root.error());
  }
  const auto runtime = runtime_of(owner->pod_uid, named_runtime);
  if (!runtime) {
    co_return std::unexpected(runtime.error());
  }
  const auto state = state_of(notice, owner->container_id, *init, *root);
  auto who = co_await identify_noticed(*runtime, named_runtime, state);
  if (!who) {
    co_return std::unexpected(who.error());
  }
  // An adapter that says another pod or container than the cgroup is refused by admit.
  if (who->container_id.empty()) {
    who->container_id = owner->container_id;
  }
  found = *who;
  // The pid was not the runtime's word and time has passed: it must still be that process.
  if (const auto now = p_.locator.init_in(notice.cgroups_path); !now || *now != *init) {
    co_return fail(now ? std::string("its first process is another one than a moment ago")
                       : "the runtime's init is gone: " + now.error().message);
  }
  const auto admitted = admit(std::move(*who), *runtime, state);
  if (!admitted) {
    co_return std::unexpected(admitted.error());
  }
  if (const auto claims = untrue(notice, found);
      *admitted == Admitted::enrolled && !claims.empty()) {
    p_.journal.tell(LogLevel::warning, "claim",
                    "its hook says otherwise: " + claims +
                        "; that is from keys that the pod's author can write, and counted for "
                        "nothing",
                    &found);
  }
  co_return Result<>{};
}

}  // namespace usher::agent
