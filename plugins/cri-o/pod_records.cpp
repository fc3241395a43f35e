#include "cri-o/pod_records.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/escape.hpp"
#include "cri-o/identify.hpp"

namespace usher::cri_o {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDefaultDeadline = 1000;  // within the agent's own, 1.6 s of its hook's 2 s
constexpr std::int64_t kLongestDeadline = 10'000;

bool crio_is_here(const fs::path& root) {
  std::error_code ignored;
  return std::ranges::any_of(std::array{"usr/bin/crio", "usr/local/bin/crio", "etc/crio/crio.conf",
                                        "etc/crio/crio.conf.d"},
                             [&](const char* trace) { return fs::exists(root / trace, ignored); });
}

std::string socket_of(const plugin::Settings& settings) {
  const fs::path root = settings.text("root", "/");
  const bool whole = root.lexically_normal() == "/";
  return settings.text(kSocketSetting,
                       whole ? "/var/run/crio/crio.sock" : (root / "run/crio/crio.sock").string());
}

cri::Lister::Options lister_options(const plugin::Settings& settings) {
  const auto deadline = settings.integer(kDeadlineSetting, kDefaultDeadline);
  if (deadline < 1 || deadline > kLongestDeadline) {
    throw plugin::Failure("setting \"" + std::string(kDeadlineSetting) + "\" is " +
                              std::to_string(deadline) + "; it must be 1 to " +
                              std::to_string(kLongestDeadline),
                          USHER_INVALID);
  }
  cri::Lister::Options options;
  options.runtime = kCriO;
  options.socket = socket_of(settings);
  options.deadline = std::chrono::milliseconds(deadline);
  options.tells_handlers = false;  // CRI-O leaves that field of its records empty
  return options;
}

}  // namespace

PodRecords::PodRecords(plugin::Host host, const plugin::Settings& settings, Tell tell)
    : host_(host),
      tell_(std::move(tell)),
      installed_(settings.has(kSocketSetting) || crio_is_here(settings.text("root", "/"))) {
  auto options = lister_options(settings);
  options.health = [this](std::uint32_t health, const std::string& reason) {
    this->health(health, reason);
  };
  if (host_.loop() != nullptr) {
    lister_ = std::make_unique<cri::Lister>(host_, std::move(options));
  }
}

void PodRecords::check(const plugin::Settings& settings) {
  lister_options(settings);
}

void PodRecords::start() {
  if (lister_ == nullptr) {
    tell_(USHER_DEGRADED, "this host offers no loop: pods' labels are not known");
    return;
  }
  lister_->start();
}

void PodRecords::health(std::uint32_t health, const std::string& reason) {
  if (health == USHER_HEALTHY) {
    tell_(health, reason);
  } else if (!installed_) {
    tell_(USHER_HEALTHY, "CRI-O is not here; podman's hooks are answered");
  } else {
    tell_(health, reason +
                      "; identities come from the containers' keys alone, pods' "
                      "labels are not known (cri.socket names another socket)");
  }
}

// Counts a question that is under way, so that stop waits for its answer.
struct PodRecords::Asking {
  PodRecords& records;
  explicit Asking(PodRecords& of) : records(of) { ++records.asking_; }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    --records.asking_;
    records.end_if_idle();
  }
};

void PodRecords::answer(plugin::Identity who, plugin::Answer answer) {
  who.handler_unknown = true;
  who.record_unknown = !who.is_sandbox;  // of a sandbox that it is just making CRI-O has none
  if (lister_ == nullptr || who.is_sandbox) {
    answer.is(who);
    return;
  }
  ask(std::move(who), std::move(answer));
}

cri::Detached PodRecords::ask(plugin::Identity who, plugin::Answer answer) {
  const Asking asking(*this);
  try {
    const auto sandbox = co_await lister_->client().sandbox(who.sandbox_id);
    if (sandbox) {
      cri::join(who, *sandbox);
      who.record_unknown = false;
      who.handler_unknown = who.runtime_handler.empty();
      if (!who.labels_known) {
        host_.log(USHER_LOG_WARNING, "labels of " + escape(who.container_id) +
                                         " are not known: " + sandbox->labels_problem);
      }
      answer.is(who);
    } else if (sandbox.error().code == ENOENT && lister_->client().connected()) {
      answer.refuse("the container's keys name sandbox " + escape(who.sandbox_id) +
                    ", which CRI-O does not know: " + sandbox.error().message);
    } else {
      if (installed_) {
        host_.log(USHER_LOG_WARNING, "labels of " + escape(who.container_id) +
                                         " are not known: " + sandbox.error().message);
      }
      answer.is(who);
      lister_->missed(sandbox.error().message);  // last: what follows is not this question's
    }
  } catch (const std::exception& problem) {
    answer.refuse(problem.what());
  }
}

void PodRecords::stop(plugin::Done stopped) {
  stopped_ = std::make_unique<plugin::Done>(std::move(stopped));
  const auto ended = [this] {
    lister_ended_ = true;
    end_if_idle();
  };
  lister_ == nullptr ? ended() : lister_->stop(ended);
}

void PodRecords::end_if_idle() {
  if (lister_ended_ && asking_ == 0 && stopped_ != nullptr) {
    const auto stopped = std::move(stopped_);
    stopped->ok();
  }
}

}  // namespace usher::cri_o
