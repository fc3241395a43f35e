// SPDX-License-Identifier: Apache-2.0
// The C functions between plugin.h and an adapter's class; included by plugin.hpp.
#pragma once

#include "usher/plugin.hpp"

namespace usher::plugin::detail {

template <class A>
concept Identifies = requires(A& adapter, const OciState& state, Answer answer) {
  adapter.identify(state, std::move(answer));
};

template <class A>
concept Installs = requires(const Settings& settings, Report& report) {
  A::plan(settings, report);
  A::install(settings, report);
  A::verify(settings, report);
  A::uninstall(settings, report);
};

// plugin_guests.hpp
template <class A>
const void* relay_extension(usher_string id);

using InstallFunction = void (*)(const Settings&, Report&);

template <InstallFunction function>
std::int32_t run_install(const usher_settings* settings, const usher_install_sink* sink,
                         usher_error* error) {
  return guarded(error, [&] {
    Report report(*sink);
    function(Settings(settings), report);
    if (report.problems() != 0) {
      throw Failure(std::to_string(report.problems()) + " problem(s), each reported apart");
    }
  });
}

template <class A>
struct Thunks {
  static std::int32_t probe(const usher_settings* settings, usher_error* error) {
    return guarded(error, [&] { A::probe(Settings(settings)); });
  }
  static std::int32_t create(const usher_host* host, const usher_settings* settings,
                             void** instance, usher_error* error) {
    return guarded(
        error, [&] { *instance = std::make_unique<A>(Host(host), Settings(settings)).release(); });
  }
  static std::int32_t start(void* instance, usher_error* error) {
    return guarded(error, [&] {
      if constexpr (requires(A& adapter) { adapter.start(); }) {
        of(instance).start();
      }
    });
  }
  static void stop(void* instance, usher_done stopped) {
    Done done(stopped);
    if constexpr (requires(A& adapter) { adapter.stop(std::move(done)); }) {
      guarded(nullptr, [&] { of(instance).stop(std::move(done)); });
    } else {
      done.ok();
    }
  }
  static void destroy(void* instance) { std::unique_ptr<A>(static_cast<A*>(instance)); }

  static void identify(void* instance, const usher_oci_state* state, usher_identified answer) {
    std::string why(1024, '\0');
    usher_error error{sizeof error, 0, why.data(), why.size(), 0};
    const auto ask = [&] { of(instance).identify(OciState(*state), Answer(answer)); };
    if (guarded(&error, ask) != USHER_OK) {
      Answer(answer).refuse(why.substr(0, error.length));
    }
  }
  static const void* extension(usher_string id) {
    if constexpr (Identifies<A>) {
      static constexpr usher_oci kOci = {sizeof(usher_oci), 0, &identify};
      if (view(id) == USHER_EXT_OCI) {
        return &kOci;
      }
    }
    if constexpr (Installs<A>) {
      static constexpr usher_install kInstall = {
          sizeof(usher_install),    0,
          &run_install<&A::plan>,   &run_install<&A::install>,
          &run_install<&A::verify>, &run_install<&A::uninstall>};
      if (view(id) == USHER_EXT_INSTALL) {
        return &kInstall;
      }
    }
    return relay_extension<A>(id);
  }

 private:
  static A& of(void* instance) { return *static_cast<A*>(instance); }
};

template <class A>
constexpr usher_plugin describe() {
  using T = Thunks<A>;
  return {sizeof(usher_plugin),
          USHER_MINOR,
          raw(A::kName),
          raw(A::kVersion),
          std::data(A::kRuntimes),
          std::size(A::kRuntimes),
          &T::probe,
          &T::create,
          &T::start,
          &T::stop,
          &T::destroy,
          &T::extension};
}

}  // namespace usher::plugin::detail

// Exports Class as this shared object's adapter; once, in one source file, outside namespaces.
#define USHER_ADAPTER(Class)                                             \
  extern "C" constinit USHER_EXPORT const usher_plugin usher_plugin_v1 = \
      ::usher::plugin::detail::describe<Class>();
