#include "enforce/task_iterators.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/file.hpp"

namespace usher::enforce {

void TaskIterators::Destroy::operator()(bpf_link* link) const {
  bpf_link__destroy(link);
}

Result<TaskIterators::Link> TaskIterators::attach(const Object& object, const char* program) {
  const bpf_program* found = bpf_object__find_program_by_name(object.get(), program);
  if (found == nullptr) {
    return fail(fmt::format("the kernel programs have no iterator {}", program));
  }
  Link link(bpf_program__attach_iter(found, nullptr));
  if (!link) {
    return fail_system(fmt::format("cannot attach the task iterator {}", program));
  }
  return link;
}

Result<TaskIterators> TaskIterators::open(const Object& object) {
  TaskIterators iterators;
  for (const auto& [link, name] : {std::pair{&iterators.tag_tasks_, "tag_tasks"},
                                   std::pair{&iterators.list_holders_, "list_holders"},
                                   std::pair{&iterators.read_roots_, "read_roots"}}) {
    auto attached = attach(object, name);
    if (!attached) {
      return std::unexpected(std::move(attached.error()));
    }
    *link = std::move(*attached);
  }
  const auto* tag = bpf_object__find_program_by_name(object.get(), "tag_tasks");
  iterators.tag_program_ = Fd(::fcntl(bpf_program__fd(tag), F_DUPFD_CLOEXEC, 0));
  if (!iterators.tag_program_) {
    return fail_system("cannot keep the task iterator tag_tasks");
  }
  return iterators;
}

template <class Record>
Result<std::vector<Record>> TaskIterators::read(int link, const char* what) {
  constexpr std::size_t kLimit = std::size_t{64} << 20;  // 8 bytes for each of 8 million threads
  const Fd pass(bpf_iter_create(link));
  if (!pass) {
    return fail_system(fmt::format("cannot start a pass over all tasks ({})", what));
  }
  auto bytes = read_all(pass.get(), kLimit, what);
  if (!bytes) {
    return std::unexpected(std::move(bytes.error()));
  }
  if (bytes->size() % sizeof(Record) != 0) {
    return fail(
        fmt::format("{} wrote {} bytes, which is no number of whole records", what, bytes->size()));
  }
  std::vector<Record> records(bytes->size() / sizeof(Record));
  if (!records.empty()) {  // an empty vector's data is null, which memcpy may not be given
    std::memcpy(records.data(), bytes->data(), bytes->size());
  }
  return records;
}

Result<std::vector<std::uint64_t>> TaskIterators::host_roots() const {
  auto found = read<usher_root_of>(bpf_link__fd(read_roots_.get()), "read_roots");
  if (!found) {
    return std::unexpected(std::move(found.error()));
  }
  std::vector<std::uint64_t> roots;
  for (const usher_root_of& root : *found) {
    if (root.dentry != 0 && std::ranges::find(roots, root.dentry) == roots.end()) {
      roots.push_back(root.dentry);
    }
  }
  return roots;
}

Result<std::uint32_t> TaskIterators::tag_running() const {
  auto tagged = read<usher_holder>(bpf_link__fd(tag_tasks_.get()), "tag_tasks");
  if (!tagged) {
    return std::unexpected(std::move(tagged.error()));
  }
  return static_cast<std::uint32_t>(tagged->size());
}

Result<std::uint32_t> TaskIterators::tag_process(int pid) const {
  bpf_iter_link_info whom{};
  whom.task.pid = static_cast<std::uint32_t>(pid);
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.iter_info = &whom;
  options.iter_info_len = sizeof whom;
  const Fd link(bpf_link_create(tag_program_.get(), 0, BPF_TRACE_ITER, &options));
  if (!link) {
    return fail_system(fmt::format("cannot look at the tasks of process {}", pid));
  }
  auto tagged = read<usher_holder>(link.get(), "tag_tasks");
  if (!tagged) {
    return std::unexpected(std::move(tagged.error()));
  }
  return static_cast<std::uint32_t>(tagged->size());
}

Result<std::vector<Handle>> TaskIterators::holders() const {
  auto found = read<usher_holder>(bpf_link__fd(list_holders_.get()), "list_holders");
  if (!found) {
    return std::unexpected(std::move(found.error()));
  }
  std::vector<Handle> handles;
  handles.reserve(found->size());
  for (const usher_holder& holder : *found) {
    handles.push_back({holder.pid, holder.workload});
  }
  return handles;
}

}  // namespace usher::enforce
