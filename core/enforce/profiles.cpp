#include "enforce/profiles.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "enforce/libbpf_options.hpp"
namespace usher::enforce {

namespace {

constexpr usher_profile kNoRules{};

}  // namespace

Profiles::Profiles(MappedArray<usher_cell>& cells, MappedArray<usher_profile>& headers,
                   Grace& grace)
    : cells_(cells),
      headers_(headers),
      grace_(grace),
      arena_(cells.size()),
      entries_(headers.size()) {
  entries_[0].state = State::live;  // "no rules": all zero, for ever
}

Result<> Profiles::adopt(const std::vector<std::uint32_t>& referred) {
  for (const std::uint32_t index : referred) {
    if (index >= entries_.size()) {
      return fail(
          fmt::format("a pinned workload refers to profile {}, of {}", index, entries_.size()));
    }
    Entry& entry = entries_[index];
    if (entry.state == State::free) {
      if (auto mapped = headers_.ensure(index, 1); !mapped) {
        return mapped;
      }
      const usher_profile& header = headers_[index];
      entry.extent = extent_of(header);
      if (!arena_.reserve(entry.extent)) {
        return fail(fmt::format(
            "the pinned profile {} claims cells {} to {}, which are not its own: the pinned state "
            "is damaged; usherd --teardown removes it (enforcement ends until the next start)",
            index, entry.extent.base, std::uint64_t{entry.extent.base} + entry.extent.count));
      }
      if (auto mapped = cells_.ensure(entry.extent.base, entry.extent.count); !mapped) {
        return mapped;
      }
      entry.state = State::live;
      generation_ = std::max(generation_, header.generation);
    }
    ++entry.references;
  }
  return clear_headers_of_others();
}

// Through a mapping that goes again: most headers were never used.
Result<> Profiles::clear_headers_of_others() {
  auto all = MappedArray<usher_profile>::open(headers_.map_fd(), "profiles", headers_.size());
  if (all) {
    if (auto mapped = all->ensure_all(); !mapped) {
      return mapped;
    }
  } else {
    return std::unexpected(std::move(all.error()));
  }
  for (std::size_t index = 0; index < entries_.size(); ++index) {
    if (entries_[index].state == State::free && (*all)[index].generation != 0) {
      (*all)[index] = usher_profile{};
    }
  }
  return {};
}

const usher_profile& Profiles::header(std::uint32_t index) const {
  const bool used = index != 0 && index < entries_.size() && entries_[index].state != State::free;
  return used ? headers_[index] : kNoRules;
}

Result<std::uint32_t> Profiles::publish(const policy::ProfileImage& image) {
  collect();
  const auto count = static_cast<std::uint32_t>(image.cells.size());
  const auto extent = find_room(count);
  if (!extent) {
    return fail(fmt::format(
        "no room for a profile of {} cells: {} of {} are in use, the longest free run has {}; "
        "fewer or shorter policies, or policies that select fewer workloads, are needed",
        count, arena_.used(), arena_.capacity(), arena_.largest_free()));
  }
  const auto index = free_index();
  if (!index) {
    arena_.release(*extent);
    return fail(
        fmt::format("all {} profiles are in use: too many different sets of policies "
                    "apply to the workloads of this node",
                    entries_.size() - 1));
  }
  usher_profile header = policy::place(image.header, extent->base);
  header.generation = ++generation_;
  auto done = write(*index, *extent, header, image.cells);
  if (done) {
    done = read_back(*index, *extent, header, image.cells);
  }
  if (!done) {
    arena_.release(*extent);
    return std::unexpected(std::move(done.error()));
  }
  entries_[*index] = Entry{.state = State::live, .references = 0, .extent = *extent, .ticket = 0};
  return *index;
}

Result<> Profiles::write(std::uint32_t index, Extent extent, const usher_profile& header,
                         std::span<const usher_cell> cells) {
  if (auto mapped = cells_.ensure(extent.base, extent.count); !mapped) {
    return mapped;
  }
  if (auto mapped = headers_.ensure(index, 1); !mapped) {
    return mapped;
  }
  std::ranges::copy(cells, cells_.span().begin() + extent.base);
  headers_[index] = header;
  return {};
}

void Profiles::retire(std::uint32_t index) {
  collect();
  if (index == 0 || !published(index)) {
    return;
  }
  entries_[index].state = State::retired;
  give_back_if_unused(index);
}

bool Profiles::published(std::uint32_t index) const {
  return index < entries_.size() && entries_[index].state == State::live;
}

void Profiles::refer(std::uint32_t index) {
  ++entries_[index].references;
}

void Profiles::unrefer(std::uint32_t index) {
  if (entries_[index].references > 0) {
    --entries_[index].references;
  }
  give_back_if_unused(index);
}

void Profiles::give_back_if_unused(std::uint32_t index) {
  Entry& entry = entries_[index];
  if (entry.state == State::retired && entry.references == 0) {
    entry.state = State::waiting;
    entry.ticket = grace_.request();
    waiting_.insert(index);
  }
}

void Profiles::collect() {
  if (waiting_.empty()) {
    return;
  }
  const std::uint64_t passed = grace_.passed();
  std::erase_if(waiting_, [&](std::uint32_t index) {
    Entry& entry = entries_[index];
    if (entry.ticket > passed) {
      return false;
    }
    arena_.release(entry.extent);
    headers_[index] = usher_profile{};
    entry = Entry{};
    return true;
  });
}

std::optional<Extent> Profiles::find_room(std::uint32_t count) {
  auto extent = arena_.allocate(count);
  if (!extent && !waiting_.empty()) {
    const auto last = std::ranges::max(
        waiting_, {}, [this](std::uint32_t index) { return entries_[index].ticket; });
    if (grace_.await(entries_[last].ticket)) {
      collect();
      extent = arena_.allocate(count);
    }
  }
  return extent;
}

std::optional<std::uint32_t> Profiles::free_index() const {
  const auto entry =
      std::ranges::find(entries_, State::free, [](const Entry& e) { return e.state; });
  if (entry == entries_.end()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(entry - entries_.begin());
}

Result<> Profiles::read_back(std::uint32_t index, Extent extent, const usher_profile& header,
                             std::span<const usher_cell> cells) const {
  usher_profile seen_header{};
  if (bpf_map_lookup_elem(headers_.map_fd(), &index, &seen_header) != 0) {
    return fail_system(fmt::format("cannot read profile {} back", index));
  }
  std::vector<std::uint32_t> keys(extent.count);
  std::vector<usher_cell> seen(extent.count);
  std::uint32_t before = extent.base - 1;  // cell 0 is never allocated
  std::uint32_t next = 0;
  __u32 count = extent.count;
  const auto options = libbpf_options<bpf_map_batch_opts>();
  if (bpf_map_lookup_batch(cells_.map_fd(), &before, &next, keys.data(), seen.data(), &count,
                           &options) != 0 &&
      errno != ENOENT) {
    return fail_system(fmt::format("cannot read the cells of profile {} back", index));
  }
  const bool same = count == extent.count &&
                    std::memcmp(&seen_header, &header, sizeof header) == 0 &&
                    std::memcmp(seen.data(), cells.data(), cells.size_bytes()) == 0;
  if (!same) {
    return fail(
        fmt::format("profile {} reads back other than it was written: is another agent "
                    "writing to the same pins?",
                    index));
  }
  return {};
}

}  // namespace usher::enforce
