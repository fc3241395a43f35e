// The gate for hooks of another system, which name neither the runtime nor a pid: where the
// container is comes from the kernel, which runtime it belongs to from the adapters' records of its
// pod, who it is from that runtime's adapter. What the hook says is only compared.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "agent/enrolment.hpp"
#include "base/escape.hpp"
#include "identity/cgroup_path.hpp"

namespace usher::agent {

namespace {

using api::ContainerNotice;

// What the notice claims and what was found are equal wherever both say something.
Result<> same_claim(std::string_view what, const std::string& claimed, const std::string& found,
                    std::string_view source) {
  if (claimed.empty() || claimed == found) {
    return {};
  }
  return fail(fmt::format("the hook says {} \"{}\", {} says \"{}\"", what, escape(claimed), source,
                          escape(found)));
}

Result<> same_claims(const ContainerNotice& notice, const identity::Identity& who) {
  const auto source = "the runtime's adapter (" + escape(who.identity_source) + ")";
  struct Claim {
    std::string_view what;
    const std::string& claimed;
    const std::string& found;
  };
  for (const auto& [what, claimed, found] :
       std::array<Claim, 4>{{{"namespace", notice.pod_namespace, who.pod_namespace},
                             {"pod", notice.pod_name, who.pod_name},
                             {"pod uid", notice.pod_uid, who.pod_uid},
                             {"container", notice.container_name, who.container_name}}}) {
    if (auto same = same_claim(what, claimed, found, source); !same) {
      return same;
    }
  }
  return {};
}

// The OCI state that the runtime gave the hook, as far as it can be told again.
identity::OciState state_of(const ContainerNotice& notice, std::string id, int pid) {
  identity::OciState state;
  state.oci_version = "1.0.2";
  state.id = std::move(id);
  state.status = "created";
  state.pid = pid;
  state.root = notice.root_dir;
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
Result<identity::CgroupOwner> owner_by_cgroup(const ContainerNotice& notice,
                                              const std::string& path) {
  auto owner = identity::owner_of(path);
  if (owner.container_id.empty()) {
    return fail(
        fmt::format("its cgroup {} does not say which container it is; install usher-hook "
                    "for this runtime, which is told the container's id",
                    escape(path)));
  }
  const auto source = "its cgroup " + escape(path);
  auto same = same_claim("container id", notice.container_id, owner.container_id, source);
  same = same ? same_claim("pod uid", notice.pod_uid, owner.pod_uid, source) : same;
  return same ? Result<identity::CgroupOwner>(std::move(owner)) : std::unexpected(same.error());
}

}  // namespace

asio::awaitable<v1::HookResponse> Enrolment::notice(ContainerNotice notice,
                                                    std::string named_runtime) {
  const auto begun = std::chrono::steady_clock::now();
  const auto path = notice.cgroups_path;
  identity::Identity about;
  about.container_id = notice.container_id;
  const auto verdict = co_await gate(std::move(notice), std::move(named_runtime));
  times_.add(std::chrono::steady_clock::now() - begun, !verdict);
  v1::HookResponse response;
  if (verdict) {
    response.set_verdict(v1::HookResponse::VERDICT_GO);
    co_return response;
  }
  response.set_verdict(v1::HookResponse::VERDICT_REFUSE);
  response.set_message(
      fmt::format("container in cgroup \"{}\" refused: {}", escape(path), verdict.error().message));
  p_.journal.tell(LogLevel::error, "refused", response.message(), &about);
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
                      escape(*known.begin()), escape(named)));
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
                        escape(pod_uid))
          : fmt::format("adapters of {} runtimes know its pod; name the runtime under "
                        "[compat.tetragon] in usher.toml",
                        known.size()));
}

asio::awaitable<Result<>> Enrolment::gate(ContainerNotice notice, std::string named_runtime) {
  if (!notice.root_dir.starts_with('/') || notice.root_dir.find('\0') != std::string::npos) {
    co_return fail(
        fmt::format("the hook says that the container's root is \"{}\", which is not "
                    "an absolute path",
                    escape(notice.root_dir)));
  }
  const auto init = p_.locator.init_in(notice.cgroups_path);
  if (!init) {
    co_return fail_in("cannot find the runtime's init", init.error());
  }
  const auto placement = p_.locator.place(*init);
  if (!placement) {
    co_return fail_in("cannot tell where it runs", placement.error());
  }
  const auto owner = owner_by_cgroup(notice, placement->cgroup_path);
  if (!owner) {
    co_return std::unexpected(owner.error());
  }
  const auto runtime = runtime_of(owner->pod_uid, named_runtime);
  if (!runtime) {
    co_return std::unexpected(runtime.error());
  }
  const auto state = state_of(notice, owner->container_id, *init);
  auto who = co_await p_.adapters.identify(*runtime, state, json_of(state), p_.identify_deadline);
  if (!who) {
    co_return fail_in(fmt::format("cannot tell who it is by runtime \"{}\"", escape(*runtime)),
                      who.error());
  }
  if (auto same = same_claims(notice, *who); !same) {
    co_return same;
  }
  // Without a runtime that somebody named, the container's own sandbox must be on record.
  if (named_runtime.empty() && p_.sandboxes.find(*runtime, who->sandbox_id) == nullptr) {
    co_return fail(
        fmt::format("its keys name sandbox \"{}\", of which runtime \"{}\" has no record",
                    escape(who->sandbox_id), escape(*runtime)));
  }
  // The pid was not the runtime's word and time has passed: it must still be that process.
  if (const auto now = p_.locator.init_in(notice.cgroups_path); !now || *now != *init) {
    co_return fail(now ? std::string("its first process is another one than a moment ago")
                       : "the runtime's init is gone: " + now.error().message);
  }
  const auto admitted = admit(std::move(*who), *runtime, state);
  co_return admitted ? Result<>{} : std::unexpected(admitted.error());
}

}  // namespace usher::agent
