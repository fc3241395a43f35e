#include "containerd/nri/answers.hpp"

#include "nri/nri.pb.h"

namespace usher::nri {
namespace {

void fill(v1::Hook& to, const Hook& from) {
  to.set_path(from.path);
  for (const auto& arg : from.args) {
    to.add_args(arg);
  }
  for (const auto& variable : from.env) {
    to.add_env(variable);
  }
  to.mutable_timeout()->set_value(from.timeout);
}

}  // namespace

std::string write_register(const std::string& name, const std::string& index) {
  v1::RegisterPluginRequest to;
  to.set_plugin_name(name);
  to.set_plugin_idx(index);
  return to.SerializeAsString();
}

std::string write_configured(std::int32_t events) {
  v1::ConfigureResponse to;
  to.set_events(events);
  return to.SerializeAsString();
}

std::string write_synchronized(bool more) {
  v1::SynchronizeResponse to;
  to.set_more(more);
  return to.SerializeAsString();
}

std::string write_adjustment(const Hooks& hooks) {
  v1::CreateContainerResponse to;
  auto& adjusted = *to.mutable_adjust()->mutable_hooks();
  for (const auto& hook : hooks.create_runtime) {
    fill(*adjusted.add_create_runtime(), hook);
  }
  for (const auto& hook : hooks.poststop) {
    fill(*adjusted.add_poststop(), hook);
  }
  return to.SerializeAsString();
}

}  // namespace usher::nri
