#include "containerd/records.hpp"

#include <cerrno>
#include <utility>

#include "base/escape.hpp"
#include "containerd/identify.hpp"

namespace usher::containerd {

Records::Records(plugin::Host host, cri::Loop loop, const Options& options, Tell tell,
                 std::function<bool(const cri::Sandbox&)> elsewhere)
    : host_(host), client_(loop, options.cri_socket, options.cri_deadline) {
  options_.runtime = kContainerd;
  options_.socket = options.cri_socket;
  options_.deadline = options.cri_deadline;
  options_.health = std::move(tell);
  options_.elsewhere = std::move(elsewhere);
}

Records::~Records() = default;

void Records::begin_listing() {
  if (lister_ == nullptr && !stopping_) {
    lister_ = std::make_shared<cri::Lister>(host_, options_);
    lister_->start();
  }
}

void Records::end_listing() {
  const auto lister = std::exchange(lister_, nullptr);
  if (lister == nullptr) {
    return;
  }
  ++busy_;
  // Its last step may still be on the stack when it says that it has ended.
  lister->stop([this, lister] {
    --busy_;
    end_if_idle();
  });
}

// Counts a question that is under way, so that stop waits for its answer.
struct Records::Asking {
  Records& records;
  explicit Asking(Records& of) : records(of) { ++records.busy_; }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    --records.busy_;
    records.end_if_idle();
  }
};

plugin::Flow Records::answer(plugin::Host host, plugin::Identity who, plugin::Answer answer) {
  const Asking asking(*this);
  try {
    auto id = who.sandbox_id;
    const auto sandbox = co_await client_.sandbox(std::move(id));
    if (sandbox) {
      join_record(who, *sandbox, cri::kSource);
      if (!who.labels_known) {
        host.log(USHER_LOG_WARNING, "labels of " + escape(who.container_id) +
                                        " are not known: " + sandbox->labels_problem);
      }
      answer.is(who);
    } else if (sandbox.error().code == ENOENT && client_.connected()) {
      answer.refuse("the container's keys name sandbox " + escape(who.sandbox_id) +
                    ", which containerd does not know: " + sandbox.error().message);
    } else {
      host.log(USHER_LOG_WARNING, "labels of " + escape(who.container_id) +
                                      " are not known: " + sandbox.error().message);
      answer.is(who);
      if (const auto lister = lister_) {
        lister->missed(sandbox.error().message);  // last: what follows is not this question's
      }
    }
  } catch (const std::exception& problem) {
    answer.refuse(problem.what());
  }
}

cri::Detached Records::handlers(std::function<void(Result<Handlers>)> then) {
  const Asking asking(*this);
  const auto config = co_await client_.config();
  then(config ? handlers_in(*config) : std::unexpected(config.error()));
}

void Records::stop(std::function<void()> stopped) {
  stopping_ = true;
  stopped_ = std::move(stopped);
  ++busy_;
  end_listing();
  client_.close();
  --busy_;
  end_if_idle();
}

void Records::end_if_idle() {
  if (busy_ == 0 && stopped_) {
    std::exchange(stopped_, {})();
  }
}

}  // namespace usher::containerd
