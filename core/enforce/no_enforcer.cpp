// The backend none: what is left of an enforcer where the kernel carries out nothing. Slots are
// given out so that workloads can be told apart; no profile is in any kernel.
#include <sys/eventfd.h>
#include <sys/random.h>

#include <map>

#include "base/fd.hpp"
#include "enforce/cgroup_root.hpp"
#include "enforce/departure.hpp"
#include "enforce/enforcer.hpp"

namespace usher::enforce {

namespace {

class NoEnforcer final : public Enforcer {
 public:
  NoEnforcer(std::filesystem::path cgroup_root, Fd events, const usher_key& key, std::string why)
      : cgroup_root_(std::move(cgroup_root)),
        events_(std::move(events)),
        key_(key),
        why_(std::move(why)) {}

  Backend backend() const override { return Backend::none; }
  policy::Capabilities capabilities() const override { return policy::no_capabilities(); }
  const usher_key& key() const override { return key_; }
  bool adopted() const override { return false; }
  std::vector<std::string> warnings() const override {
    return {"nothing is enforced here (backend none): " + why_};
  }

  Result<std::uint32_t> publish(const policy::ProfileImage& /*image*/) override { return 0; }
  void retire(std::uint32_t /*profile*/) override {}
  const usher_profile& profile(std::uint32_t /*index*/) const override { return no_rules_; }
  std::span<const usher_cell> arena() const override { return {}; }
  std::uint32_t cells_used() const override { return 0; }

  Result<std::uint32_t> enrol(const identity::Placement& placement, std::uint32_t /*profile*/,
                              std::uint32_t flags) override {
    if (slots_.size() >= USHER_MAX_WORKLOADS - 1) {
      return fail("all slots for workloads are taken; end some containers");
    }
    for (const auto& [slot, value] : slots_) {
      if (value.cgroup == placement.cgroup_id && (value.flags & USHER_WORKLOAD_LIVE) != 0) {
        return fail("its cgroup is enrolled already");
      }
    }
    do {
      last_ = last_ + 1 < USHER_MAX_WORKLOADS ? last_ + 1 : 1;
    } while (slots_.contains(last_));
    usher_workload value{};
    value.flags = flags | USHER_WORKLOAD_LIVE;
    value.cgroup = placement.cgroup_id;
    value.mntns = placement.mntns;
    value.incarnation = ++incarnations_;
    slots_[last_] = value;
    return last_;
  }
  Result<> switch_to(std::uint32_t slot, std::uint32_t /*profile*/) override { return known(slot); }
  std::uint32_t incarnation(std::uint32_t slot) const override {
    const auto found = slots_.find(slot);
    return found == slots_.end() ? 0 : found->second.incarnation;
  }
  Result<> begun(std::uint32_t slot) override { return set(slot, 0, USHER_WORKLOAD_AWAITED); }
  Result<> release(std::uint32_t slot) override { return set(slot, USHER_WORKLOAD_RELEASED, 0); }
  Result<> end(std::uint32_t slot) override { return set(slot, 0, USHER_WORKLOAD_LIVE); }
  Result<> leave_mntns(std::uint32_t slot) override { return known(slot); }
  Result<> forget(std::uint32_t slot) override {
    slots_.erase(slot);
    return {};
  }
  std::vector<EnrolledSlot> enrolled() const override { return {}; }

  Result<std::uint32_t> tag_running() override { return 0; }
  Result<std::uint32_t> tag_running_in(const identity::Placement& /*placement*/) override {
    return 0;
  }
  Result<std::vector<Handle>> holders() override { return std::vector<Handle>(); }
  Result<std::uint32_t> workload_of(int /*pidfd*/) const override { return 0; }

  Result<> set_unenrolled(const Unenrolled& wanted) override {
    return wanted.answer == USHER_UNENROLLED_ALLOW
               ? Result<>{}
               : fail("nothing is enforced here (backend none), so nobody can be denied");
  }
  std::uint32_t unenrolled() const override { return USHER_UNENROLLED_ALLOW; }
  std::uint32_t exempt_slot() const override { return 0; }

  int events_fd() const override { return events_.get(); }  // never readable
  Result<> consume(const std::function<void(const usher_kernel_event&)>& /*sink*/) override {
    return {};
  }
  std::vector<Suppressed> take_suppressed() override { return {}; }
  std::vector<std::uint64_t> counters() const override { return {}; }

  Result<> set_audit(bool /*audit*/) override {
    return fail("nothing is enforced here (backend none), so there is no mode to set");
  }
  bool audit() const override { return true; }
  const std::filesystem::path& cgroup_root() const override { return cgroup_root_; }

 private:
  Result<> known(std::uint32_t slot) const {
    return slots_.contains(slot) ? Result<>{}
                                 : fail("slot " + std::to_string(slot) + " is not in use");
  }
  Result<> set(std::uint32_t slot, std::uint32_t on, std::uint32_t off) {
    if (auto there = known(slot); !there) {
      return there;
    }
    auto& flags = slots_[slot].flags;
    flags = (flags | on) & ~off;
    return {};
  }

  std::filesystem::path cgroup_root_;
  Fd events_;
  usher_key key_;
  std::string why_;
  usher_profile no_rules_{};
  std::map<std::uint32_t, usher_workload> slots_;
  std::uint32_t last_ = 0;
  std::uint32_t incarnations_ = 0;
};

}  // namespace

Result<std::unique_ptr<Enforcer>> Enforcer::open_none(std::string why) {
  auto cgroup_root = cgroup_root_or_found({});
  if (!cgroup_root) {
    return std::unexpected(std::move(cgroup_root.error()));
  }
  Fd events(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events) {
    return fail_system("eventfd");
  }
  usher_key key{};
  if (::getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) {
    return fail_system("getrandom");
  }
  return std::make_unique<NoEnforcer>(std::move(*cgroup_root), std::move(events), key,
                                      std::move(why));
}

bool Enforcer::attached(const std::filesystem::path& pins) {
  return !pinned_attachments(pins).empty();
}

}  // namespace usher::enforce
