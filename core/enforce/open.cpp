// Enforcer::open and teardown: the order in which the kernel side comes and goes.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "enforce/cgroup_root.hpp"
#include "enforce/departure.hpp"
#include "enforce/kernel_enforcer.hpp"
#include "enforce/kernel_facts.hpp"
#include "enforce/loader.hpp"

namespace usher::enforce {

namespace {

constexpr std::chrono::seconds kDeparture{5};

Result<Backend> choose_backend(const std::string& wanted, std::vector<std::string>& warnings) {
  if (wanted != "auto" && wanted != "lsm" && wanted != "tracepoint") {
    return fail(
        fmt::format("the backend \"{}\" is not known: auto, lsm and tracepoint are", wanted));
  }
  if (wanted != "tracepoint") {
    auto usable = lsm_usable();
    if (usable) {
      return Backend::lsm;
    }
    if (wanted == "lsm") {
      return fail_in("the backend lsm cannot be used", std::move(usable.error()));
    }
    warnings.push_back(
        fmt::format("the weaker backend tracepoint is used: {}", usable.error().message));
  }
  if (auto usable = tracing_usable(); !usable) {
    return std::unexpected(std::move(usable.error()));
  }
  return Backend::tracepoint;
}

template <class T>
Result<> open_array(const Object& object, const char* name, std::uint32_t entries,
                    MappedArray<T>& array) {
  auto found = map_fd(object, name);
  if (!found) {
    return std::unexpected(std::move(found.error()));
  }
  auto mapped = MappedArray<T>::open(*found, name, entries);
  if (!mapped) {
    return std::unexpected(std::move(mapped.error()));
  }
  array = std::move(*mapped);
  return {};
}

Result<> open_maps(KernelParts& parts) {
  const Object& object = *parts.programs;
  auto done = open_array(object, "config", 1, parts.config);
  if (done) {
    done = parts.config.ensure_all();
  }
  if (done) {
    done = open_array(object, "unenrolled", 1, parts.unenrolled);
  }
  if (done) {
    done = parts.unenrolled.ensure_all();
  }
  if (done) {
    done = open_array(object, "workloads", USHER_MAX_WORKLOADS, parts.workloads);
  }
  if (done) {
    done = parts.workloads.ensure_all();
  }
  if (done) {
    done = open_array(object, "mounts", USHER_MAX_MOUNTS, parts.mounts);
  }
  if (done) {
    done = open_array(object, "profiles", USHER_MAX_PROFILES, parts.profiles);
  }
  if (done) {
    done = open_array(object, "arena", USHER_ARENA_CELLS, parts.arena);
  }
  if (!done) {
    return done;
  }
  for (const auto& [name, fd] :
       {std::pair{"rates", &parts.rates_fd}, std::pair{"counters", &parts.counters_fd},
        std::pair{"enrolled_cgroups", &parts.cgroups_fd},
        std::pair{"enrolled_mntns", &parts.mntns_fd}, std::pair{"tasks", &parts.tasks_fd}}) {
    auto found = map_fd(object, name);
    if (!found) {
      return std::unexpected(std::move(found.error()));
    }
    *fd = *found;
  }
  auto events_fd = map_fd(object, "events");
  if (!events_fd) {
    return std::unexpected(std::move(events_fd.error()));
  }
  auto events = Events::open(*events_fd);
  if (!events) {
    return std::unexpected(std::move(events.error()));
  }
  parts.events = std::move(*events);
  return {};
}

// What the programs read of the node, before any of them is attached anew.
Result<> configure(KernelParts& parts, const Options& options) {
  usher_config& config = parts.config[0];
  parts.adopted = has_key(config);
  auto roots = parts.iterators.host_roots();
  if (!roots) {
    return std::unexpected(std::move(roots.error()));
  }
  if (auto set = set_host_roots(config, *roots); !set) {
    return set;
  }
  const std::atomic_ref<__u32> flags(config.flags);
  if (parts.backend == Backend::tracepoint) {
    flags.fetch_or(USHER_CONFIG_TIDS, std::memory_order_acq_rel);
  }
  return prepare_config(config, options.event_burst, options.event_window_ms);
}

// Attaches this start's programs, then takes away those of the starts before it.
Result<> attach(KernelParts& parts) {
  auto before = parts.pins.generations();
  if (!before) {
    return std::unexpected(std::move(before.error()));
  }
  const std::uint64_t number = before->empty() ? 1 : before->back() + 1;
  auto directory = parts.pins.generation(number);
  if (!directory) {
    return std::unexpected(std::move(directory.error()));
  }
  auto attached = attach_all(*parts.programs, *directory, parts.cgroup_root);
  if (!attached) {
    (void)parts.pins.remove_generation(number);
    return std::unexpected(std::move(attached.error()));
  }
  parts.links = std::move(*attached);
  parts.links_at = std::move(*directory);
  for (const std::uint64_t old : *before) {
    if (auto removed = parts.pins.remove_generation(old); !removed) {
      return removed;
    }
  }
  if (parts.backend == Backend::lsm) {
    // Nothing takes ids out of the table of threads any more.
    const std::atomic_ref<__u32> flags(parts.config[0].flags);
    flags.fetch_and(~USHER_CONFIG_TIDS, std::memory_order_acq_rel);
  }
  return {};
}

struct Loaded {
  std::unique_ptr<Object> programs;
  std::unique_ptr<Object> tasks;
};

Result<Loaded> load(Backend backend, const Pins& pins) {
  const bool lsm = backend == Backend::lsm;
  auto programs =
      load_object(lsm ? open_lsm_object : open_tracepoint_object, lsm ? "lsm" : "tracepoint", pins);
  if (!programs) {
    return std::unexpected(std::move(programs.error()));
  }
  auto tasks = load_object(open_tasks_object, "tasks", pins);
  if (!tasks) {
    return std::unexpected(std::move(tasks.error()));
  }
  return Loaded{std::move(*programs), std::move(*tasks)};
}

}  // namespace

Result<std::unique_ptr<Enforcer>> Enforcer::open(const Options& options) {
  silence_libbpf();
  auto cgroup_root = cgroup_root_or_found(options.cgroup_root);
  if (!cgroup_root) {
    return std::unexpected(std::move(cgroup_root.error()));
  }
  std::vector<std::string> warnings = kernel_warnings();
  const auto backend = choose_backend(options.backend, warnings);
  if (!backend) {
    return std::unexpected(backend.error());
  }
  auto pins = Pins::open(options.pins);
  if (!pins) {
    return std::unexpected(std::move(pins.error()));
  }
  auto loaded = load(*backend, *pins);
  if (!loaded) {
    return std::unexpected(std::move(loaded.error()));
  }
  auto iterators = TaskIterators::open(*loaded->tasks);
  if (!iterators) {
    return std::unexpected(std::move(iterators.error()));
  }
  KernelParts parts{.backend = *backend,
                    .adopted = false,
                    .cgroup_root = std::move(*cgroup_root),
                    .warnings = std::move(warnings),
                    .pins = std::move(*pins),
                    .programs = std::move(loaded->programs),
                    .tasks = std::move(loaded->tasks),
                    .iterators = std::move(*iterators)};
  auto done = open_maps(parts);
  if (done) {
    done = configure(parts, options);
  }
  if (done) {
    done = attach(parts);
  }
  if (!done) {
    return std::unexpected(std::move(done.error()));
  }
  auto enforcer = std::make_unique<KernelEnforcer>(std::move(parts));
  if (auto adopted = enforcer->adopt(); !adopted) {
    return std::unexpected(std::move(adopted.error()));
  }
  return enforcer;
}

Result<> Enforcer::teardown(const std::filesystem::path& pins) {
  const auto attached = pinned_attachments(pins);
  if (auto removed = Pins::remove_all(pins); !removed) {
    return removed;
  }
  return await_departure(attached, kDeparture);
}

}  // namespace usher::enforce
