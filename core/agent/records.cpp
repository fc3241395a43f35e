#include "agent/records.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::agent {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

// Labels of 1 MiB, the most that an adapter may give, of backslashes only, which take five bytes
// each here, and the rest.
constexpr std::size_t kRecordLimit = 6U << 20;
constexpr int kVersion = 1;

ordered_json identity_to_json(const identity::Identity& who) {
  ordered_json labels = ordered_json::array();
  for (const auto& [key, value] : who.pod_labels) {
    labels.push_back({escape(key), escape(value)});
  }
  return {{"namespace", escape(who.pod_namespace)},
          {"pod", escape(who.pod_name)},
          {"pod_uid", escape(who.pod_uid)},
          {"container", escape(who.container_name)},
          {"container_id", escape(who.container_id)},
          {"sandbox_id", escape(who.sandbox_id)},
          {"image", escape(who.image)},
          {"runtime_handler", escape(who.runtime_handler)},
          {"labels", labels},
          {"labels_known", who.labels_known},
          {"is_sandbox", who.is_sandbox},
          {"handler_unknown", who.handler_unknown},
          {"record_unknown", who.record_unknown},
          {"host_root", who.host_root},
          {"identity_source", escape(who.identity_source)},
          {"labels_source", escape(who.labels_source)}};
}

std::string bytes(const json& value) {
  auto raw = unescape(value.get_ref<const std::string&>());
  if (!raw) {
    throw std::runtime_error(raw.error().message);
  }
  return std::move(*raw);
}

identity::Identity identity_from_json(const json& value) {
  identity::Identity who;
  who.pod_namespace = bytes(value.at("namespace"));
  who.pod_name = bytes(value.at("pod"));
  who.pod_uid = bytes(value.at("pod_uid"));
  who.container_name = bytes(value.at("container"));
  who.container_id = bytes(value.at("container_id"));
  who.sandbox_id = bytes(value.at("sandbox_id"));
  who.image = bytes(value.at("image"));
  who.runtime_handler = bytes(value.at("runtime_handler"));
  for (const auto& label : value.at("labels")) {
    who.pod_labels.emplace(bytes(label.at(0)), bytes(label.at(1)));
  }
  who.labels_known = value.at("labels_known").get<bool>();
  who.is_sandbox = value.at("is_sandbox").get<bool>();
  who.handler_unknown = value.value("handler_unknown", false);  // older records have neither
  who.record_unknown = value.value("record_unknown", false);
  who.host_root = value.value("host_root", false);
  who.identity_source = bytes(value.at("identity_source"));
  who.labels_source = bytes(value.at("labels_source"));
  return who;
}

struct Parsed {
  std::string boot_id;
  identity::Workload workload;
};

Result<Parsed> parse(const std::string& text) {
  try {
    const auto value = json::parse(text);
    if (value.at("version").get<int>() != kVersion) {
      return fail("written by another version of usherd");
    }
    Parsed parsed;
    parsed.boot_id = value.at("boot_id").get<std::string>();
    auto& workload = parsed.workload;
    workload.runtime = bytes(value.at("runtime"));
    workload.released = value.at("released").get<bool>();
    workload.enrolled_at = value.at("enrolled_at").get<std::int64_t>();
    const auto& placement = value.at("placement");
    workload.placement.cgroup_path = bytes(placement.at("cgroup_path"));
    workload.placement.cgroup_id = placement.at("cgroup_id").get<std::uint64_t>();
    workload.placement.mntns = placement.at("mntns").get<std::uint32_t>();
    workload.placement.merged = placement.at("merged").get<std::uint32_t>();
    workload.identity = identity_from_json(value.at("identity"));
    return parsed;
  } catch (const std::exception& problem) {
    return fail(problem.what());
  }
}

Result<> make_private(const fs::path& directory) {
  std::error_code problem;
  fs::create_directories(directory, problem);
  if (!problem) {
    fs::permissions(directory, fs::perms::owner_all, problem);
  }
  if (problem) {
    return fail_system(fmt::format("cannot make {}", directory.string()), problem.value());
  }
  return {};
}

}  // namespace

Result<std::string> current_boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  if (text) {
    text->erase(text->find_last_not_of(" \n") + 1);
  }
  return text;
}

Result<Records> Records::open(fs::path directory, std::string boot_id) {
  if (auto made = make_private(directory); !made) {
    return std::unexpected(std::move(made.error()));
  }
  return Records(std::move(directory), std::move(boot_id));
}

fs::path Records::file(std::uint64_t cgroup_id) const {
  return directory_ / fmt::format("{}.json", cgroup_id);
}

Result<> Records::write(const identity::Workload& workload) const {
  const auto& placement = workload.placement;
  const ordered_json value = {{"version", kVersion},
                              {"boot_id", boot_id_},
                              {"runtime", escape(workload.runtime)},
                              {"released", workload.released},
                              {"enrolled_at", workload.enrolled_at},
                              {"placement",
                               {{"cgroup_path", escape(placement.cgroup_path)},
                                {"cgroup_id", placement.cgroup_id},
                                {"mntns", placement.mntns},
                                {"merged", placement.merged}}},
                              {"identity", identity_to_json(workload.identity)}};
  const auto text = value.dump(1) + "\n";
  if (text.size() > kRecordLimit) {
    return fail(
        fmt::format("{} bytes are more than a later agent would read ({}); give the pod "
                    "fewer labels",
                    text.size(), kRecordLimit));
  }
  const auto to = file(placement.cgroup_id);
  auto written = write_file(to, text, 0600, false);
  // Somebody has cleaned up below /run. No container could start any more.
  if (!written && written.error().code == ENOENT) {
    if (auto made = make_private(directory_); !made) {
      return made;
    }
    written = write_file(to, text, 0600, false);
  }
  return written;
}

Result<> Records::remove(std::uint64_t cgroup_id) const {
  std::error_code problem;
  fs::remove(file(cgroup_id), problem);
  if (problem) {
    return fail_system(fmt::format("cannot remove {}", file(cgroup_id).string()), problem.value());
  }
  return {};
}

Result<Records::Loaded> Records::load() const {
  Loaded loaded;
  std::error_code problem;
  for (auto entry = fs::directory_iterator(directory_, problem);
       !problem && entry != fs::directory_iterator(); entry.increment(problem)) {
    const auto& path = entry->path();
    if (path.extension() != ".json" || path.filename().string().starts_with('.')) {
      continue;
    }
    const auto text = read_file(path, kRecordLimit);
    auto parsed = text ? parse(*text) : std::unexpected(text.error());
    if (!parsed) {
      loaded.problems.push_back(fmt::format("{}: {}", path.string(), parsed.error().message));
    } else if (parsed->boot_id != boot_id_) {
      ++loaded.of_other_boots;
      std::error_code ignored;
      fs::remove(path, ignored);
    } else {
      loaded.workloads.push_back(std::move(parsed->workload));
    }
  }
  if (problem) {
    return fail_system(fmt::format("cannot read {}", directory_.string()), problem.value());
  }
  return loaded;
}

}  // namespace usher::agent
