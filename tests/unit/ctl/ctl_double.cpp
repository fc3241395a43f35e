#include "ctl_double.hpp"

namespace usher::ctl::test {
namespace {

// Passes on what the box's client was asked when it is gone.
class Recorded final : public ClientDouble {
 public:
  explicit Recorded(Box& box) : box_(box) { error = box.error; }
  ~Recorded() override { box_.asked = asked; }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

 private:
  Box& box_;
};

v1::Workload hostile_workload() {
  v1::Workload workload;
  workload.set_slot(7);
  for (auto* field :
       {workload.mutable_runtime(), workload.mutable_pod_namespace(), workload.mutable_pod_name(),
        workload.mutable_pod_uid(), workload.mutable_container_name(),
        workload.mutable_container_id(), workload.mutable_sandbox_id(), workload.mutable_image(),
        workload.mutable_runtime_handler(), workload.mutable_cgroup_path(),
        workload.mutable_identity_source(), workload.mutable_labels_source()}) {
    *field = kHostile;
  }
  workload.set_labels_known(true);
  auto* label = workload.add_labels();
  label->set_key(kHostile);
  label->set_value(kHostile);
  workload.add_enforced("lockdown");
  workload.set_state("running");
  return workload;
}

}  // namespace

api::Answer<v1::Status> ClientDouble::status() {
  asked.emplace_back("status");
  if (error) {
    return std::unexpected(*error);
  }
  v1::Status status;
  status.set_version("0.1.0");
  status.set_backend("lsm");
  status.set_mode("enforce");
  status.add_policy_errors(kHostile);
  status.add_warnings(kHostile);
  (*status.mutable_counters())["armed"] = 12;
  auto* guest = status.add_guests();
  for (auto* field :
       {guest->mutable_sandbox_id(), guest->mutable_pod_namespace(), guest->mutable_pod_name(),
        guest->mutable_kernel(), guest->mutable_version(), guest->mutable_trouble(),
        guest->mutable_problem(), guest->mutable_backend()}) {
    *field = kHostile;
  }
  guest->set_session("connected");
  return status;
}

api::Answer<v1::ListWorkloadsResponse> ClientDouble::workloads() {
  asked.emplace_back("workloads");
  if (error) {
    return std::unexpected(*error);
  }
  v1::ListWorkloadsResponse response;
  *response.add_workloads() = hostile_workload();
  return response;
}

api::Answer<v1::ListPoliciesResponse> ClientDouble::policies() {
  asked.emplace_back("policies");
  v1::ListPoliciesResponse response;
  auto* policy = response.add_policies();
  policy->set_name("lockdown");
  policy->set_file(kHostile);
  policy->set_error(kHostile);
  policy->set_state("last-good");
  return response;
}

api::Answer<v1::ListAdaptersResponse> ClientDouble::adapters() {
  asked.emplace_back("adapters");
  v1::ListAdaptersResponse response;
  auto* adapter = response.add_adapters();
  adapter->set_name("cri-o");
  adapter->set_reason(kHostile);
  adapter->add_runtimes("podman");
  adapter->set_selection("chosen: its probe found the runtime on this node");
  adapter->mutable_counters()->insert({{"answered_twice", 3}, {"events", 5}});
  return response;
}

api::Answer<v1::ExplainResponse> ClientDouble::explain(const v1::ExplainRequest& request) {
  asked.push_back("explain " + request.workload() + " " + request.operation() + " " +
                  request.object() + " " + request.protocol());
  if (error) {
    return std::unexpected(*error);
  }
  v1::ExplainResponse response;
  response.set_verdict("deny");
  response.set_policy("lockdown");
  response.set_rule("no-shells");
  response.add_notes(kHostile);
  return response;
}

api::Answer<v1::SetModeResponse> ClientDouble::set_mode(const std::string& mode) {
  asked.push_back("mode " + mode);
  v1::SetModeResponse response;
  response.set_previous(kHostile);
  return response;
}

api::Answer<v1::ReleaseResponse> ClientDouble::release(const std::string& workload) {
  asked.push_back("release " + workload);
  v1::ReleaseResponse response;
  *response.mutable_workload() = hostile_workload();
  return response;
}

api::Answer<v1::ReloadResponse> ClientDouble::reload() {
  asked.emplace_back("reload");
  v1::ReloadResponse response;
  response.set_current(false);
  response.add_errors(kHostile);
  return response;
}

api::Answer<void> ClientDouble::events(const v1::StreamEventsRequest& request,
                                       const std::function<bool(const v1::Event&)>& sink) {
  asked.push_back("events " + std::to_string(request.history()) +
                  (request.follow() ? " follow" : ""));
  v1::Event event;
  event.set_time_ns(1'700'000'000'123'456'789);
  event.set_type("verdict");
  event.set_verdict("deny");
  event.set_operation("exec");
  event.set_policy("lockdown");
  event.set_rule("no-shells");
  event.set_pid(42);
  event.set_suppressed(3);
  for (auto* field :
       {event.mutable_pod_namespace(), event.mutable_pod_name(), event.mutable_container_name(),
        event.mutable_container_id(), event.mutable_image(), event.mutable_path(),
        event.mutable_program(), event.mutable_message(), event.add_arguments()}) {
    *field = kHostile;
  }
  (void)(sink(event) && sink(event));
  return {};
}

Outcome Box::run(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in(typed);
  Surroundings surroundings;
  surroundings.connect =
      [this](const std::filesystem::path&,
             std::chrono::milliseconds) -> api::Answer<std::unique_ptr<api::Client>> {
    if (unreachable) {
      return std::unexpected(*unreachable);
    }
    return std::make_unique<Recorded>(*this);
  };
  surroundings.sources = [this] { return sources; };
  std::vector<const char*> argv{"usherctl"};
  for (const auto& argument : arguments) {
    argv.push_back(argument.c_str());
  }
  Outcome outcome;
  outcome.code =
      ctl::run(static_cast<int>(argv.size()), argv.data(),
               {.out = out, .err = err, .in = in, .colour = colour, .interactive = interactive},
               surroundings);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

}  // namespace usher::ctl::test
