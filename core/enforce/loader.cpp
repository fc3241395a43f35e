#include "enforce/loader.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "enforce/libbpf_options.hpp"
namespace usher::enforce {

namespace {

struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, DestroyLink>;

// The last lines of a verifier's log say which instruction was refused and why.
std::string tail(std::string_view log) {
  constexpr std::size_t kShown = 1500;
  while (!log.empty() && (log.back() == '\n' || log.back() == '\0')) {
    log.remove_suffix(1);
  }
  if (log.size() > kShown) {
    log.remove_prefix(log.size() - kShown);
    log.remove_prefix(std::min(log.size(), log.find('\n') + 1));
  }
  return std::string(log);
}

std::string hint_for(int code, std::string_view log) {
  if (!log.empty()) {
    return fmt::format("the kernel's verifier said:\n{}", log);
  }
  switch (code) {
    case EPERM:
      return "usherd must run as root in the node's user namespace with CAP_BPF, CAP_PERFMON and "
             "CAP_SYS_ADMIN, and the kernel must let root load this kind of program";
    case EINVAL:
      return "maps of another version may be pinned: usherd --teardown removes them (enforcement "
             "ends until the next start)";
    case ENOMEM:
      return "about 32 MiB of kernel memory are needed; raise the memory limit of usherd's cgroup";
    default:
      return "";
  }
}

// A hook that not every kernel has is marked by SEC("?lsm/…"): loaded where it is there.
Result<> take_optional_hooks(const Object& object) {
  std::unique_ptr<btf, decltype(&btf__free)> kernel(nullptr, &btf__free);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    std::string_view section = bpf_program__section_name(program);
    if (bpf_program__autoload(program) || !section.starts_with("lsm/")) {
      continue;
    }
    if (!kernel) {
      kernel.reset(btf__load_vmlinux_btf());
      if (!kernel) {
        return fail_system("cannot read the kernel's BTF (/sys/kernel/btf/vmlinux)");
      }
    }
    section.remove_prefix(std::string_view("lsm/").size());
    const std::string hook = fmt::format("bpf_lsm_{}", section);
    if (btf__find_by_name_kind(kernel.get(), hook.c_str(), BTF_KIND_FUNC) > 0) {
      bpf_program__set_autoload(program, true);
    }
  }
  return {};
}

bool attaches(const bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  return bpf_program__type(program) != BPF_PROG_TYPE_SYSCALL && !section.starts_with("iter");
}

bool attaches_to_cgroup(const bpf_program* program) {
  const bpf_prog_type type = bpf_program__type(program);
  return type == BPF_PROG_TYPE_CGROUP_SOCK_ADDR || type == BPF_PROG_TYPE_CGROUP_SOCK;
}

}  // namespace

void silence_libbpf() {
  libbpf_set_print(nullptr);
}

Result<std::unique_ptr<Object>> load_object(OpenObject open, const std::string& name,
                                            const Pins& pins) {
  std::vector<char> log(std::size_t{1} << 20);
  auto options = libbpf_options<bpf_object_open_opts>();
  options.kernel_log_buf = log.data();
  options.kernel_log_size = log.size();
  std::unique_ptr<Object> object = open(&options);
  if (!object) {
    return fail_system(fmt::format("cannot open the kernel programs \"{}\"", name));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object->get()) {
    if (bpf_map__is_internal(map)) {
      continue;
    }
    const std::filesystem::path pin = pins.map(bpf_map__name(map));
    if (const int code = bpf_map__set_pin_path(map, pin.c_str()); code != 0) {
      return fail_system(fmt::format("cannot name the pin {}", pin.string()), -code);
    }
  }
  if (auto taken = take_optional_hooks(*object); !taken) {
    return std::unexpected(std::move(taken.error()));
  }
  if (const int code = bpf_object__load(object->get()); code != 0) {
    return fail_system(fmt::format("cannot load the kernel programs \"{}\"", name), -code,
                       hint_for(-code, tail(log.data())));
  }
  return object;
}

Result<int> map_fd(const Object& object, const char* name) {
  const int fd = bpf_object__find_map_fd_by_name(object.get(), name);
  if (fd < 0) {
    return fail_system(fmt::format("the kernel programs have no map {}", name), -fd);
  }
  return fd;
}

Result<std::vector<Fd>> attach_all(const Object& object, const std::filesystem::path& directory,
                                   const std::filesystem::path& cgroup_root) {
  const Fd cgroup(::open(cgroup_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) {
    return fail_system(fmt::format("cannot open the cgroup2 mount {}", cgroup_root.string()));
  }
  std::vector<Fd> held;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    if (!attaches(program) || !bpf_program__autoload(program)) {
      continue;
    }
    const char* name = bpf_program__name(program);
    const Link link(attaches_to_cgroup(program) ? bpf_program__attach_cgroup(program, cgroup.get())
                                                : bpf_program__attach(program));
    if (!link) {
      return fail_system(fmt::format("cannot attach the kernel program {} ({})", name,
                                     bpf_program__section_name(program)));
    }
    const std::filesystem::path pin = directory / name;
    if (const int code = bpf_link__pin(link.get(), pin.c_str()); code != 0) {
      return fail_system(fmt::format("cannot pin {}", pin.string()), -code);
    }
    held.emplace_back(::fcntl(bpf_link__fd(link.get()), F_DUPFD_CLOEXEC, 0));
    if (!held.back()) {
      return fail_system(fmt::format("cannot hold the link of {}", name));
    }
  }
  return held;
}

}  // namespace usher::enforce
