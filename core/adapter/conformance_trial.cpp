#include "adapter/conformance_trial.hpp"

#include <utility>

#include "adapter/instance.hpp"
#include "base/escape.hpp"

namespace usher::adapter {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStopLimit{5000};
constexpr milliseconds kLinger{20};
// Of an agent that answers slowly; within its deadline for gates.
constexpr milliseconds kLate{100};
// A loaded machine may take a tenth of a second away from anybody: only far more is a failure.
constexpr milliseconds kBlocks{1000};

const void* no_extension(void* /*context*/, usher_string /*id*/) {
  return nullptr;
}

}  // namespace

Trial::Trial(const Library& library, const Config& settings, Findings& findings, Agent agent)
    : library_(library),
      settings_(settings),
      findings_(findings),
      agent_(agent),
      bridge_(Bridge::create(loop_, library.name, library.runtimes,
                             {.sink = [this](AdapterEvent event) { take(std::move(event)); },
                              .log =
                                  [this](int level, std::string_view, std::string_view message) {
                                    if (level >= USHER_LOG_ERROR && message.starts_with("it ")) {
                                      said_.emplace_back(message);
                                    }
                                  },
                              .health = [](std::uint32_t, const std::string&) {},
                              .guests = &guests_,
                              .gate_deadline = milliseconds(300),
                              .slow = kBlocks})),
      table_(*bridge_.table()) {
  if (agent_.bare) {
    table_.extension = &no_extension;
  }
}

Trial::~Trial() {
  if (started_ && !stopped_) {
    stop();
  }
  destroy();
  bridge_.end();
  run_for(milliseconds(1));  // what the host says comes by the loop
  report_misuse();
  bridge_.close();
}

void Trial::take(AdapterEvent event) {
  if (!event.identity.host_root) {  // comes when it comes, and is part of no list
    kinds_.push_back(event.kind);
  }
  if (!event.done) {
    return;
  }
  switch (agent_.answers) {
    case Answers::at_once:
      event.done({});
      break;
    case Answers::refused:
      event.done(fail("the simulated agent refuses everything", EACCES));
      break;
    case Answers::slowly:
    case Answers::never:
      held_.push_back({std::move(event), Clock::now() + kLate});
      break;
  }
}

std::int32_t Trial::call(const char* what,
                         const std::function<std::int32_t(usher_error*)>& function) {
  ErrorSlot slot;
  const auto since = Clock::now();
  const auto status = function(slot.get());
  const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - since);
  if (took > kBlocks) {
    findings_.failures.push_back(std::string(what) + " blocked the loop for " +
                                 std::to_string(took.count()) + " ms");
  }
  if (status != USHER_OK) {
    why_ = slot.take().message;
  }
  return status;
}

bool Trial::create() {
  const RawSettings settings(settings_);
  void* made = nullptr;
  const auto status = call("create", [&](usher_error* error) {
    return library_.plugin.create(&table_, settings.get(), &made, error);
  });
  if (status != USHER_OK) {
    return false;
  }
  if (made == nullptr) {
    findings_.failures.emplace_back("create said USHER_OK and made no instance");
    why_ = "it made no instance";
    return false;
  }
  instance_ = made;
  return true;
}

bool Trial::start() {
  bridge_.allow_publishing();
  started_ = call("start", [&](usher_error* error) {
               return library_.plugin.start(instance_, error);
             }) == USHER_OK;
  return started_;
}

bool Trial::run() {
  if (!create() || !start()) {
    findings_.skipped = "with these settings it does not start here: " + why_;
    return false;
  }
  return true;
}

void Trial::stop() {
  if (!started_ || stopped_) {
    return;
  }
  const auto question = bridge_.begin_stop([this](const Result<>&) { stopped_ = true; });
  call("stop", [&](usher_error*) {
    library_.plugin.stop(instance_, question);
    return USHER_OK;
  });
  if (!run_until([this] { return stopped_; }, kStopLimit)) {
    findings_.failures.push_back("it did not say stopped within " +
                                 std::to_string(kStopLimit.count()) + " ms");
    instance_ = nullptr;  // left alone, as the agent does
    stopped_ = true;
  } else if (open_ != 0) {
    findings_.failures.push_back("it said stopped with " + std::to_string(open_) +
                                 " questions unanswered");
  } else {
    run_for(kLinger);  // what it said it would not do, it has time for
  }
}

void Trial::destroy() {
  if (instance_ == nullptr) {
    return;
  }
  bridge_.begin_destroy();
  call("destroy", [&](usher_error*) {
    library_.plugin.destroy(std::exchange(instance_, nullptr));
    return USHER_OK;
  });
}

bool Trial::run_until(const std::function<bool()>& done, milliseconds limit) {
  const auto end = Clock::now() + limit;
  auto work = asio::make_work_guard(loop_);
  loop_.restart();
  while (!done() && Clock::now() < end) {
    loop_.run_one_for(milliseconds(10));
    while (agent_.answers == Answers::slowly && !held_.empty() &&
           Clock::now() >= held_.front().due) {
      const auto late = std::move(held_.front());
      held_.pop_front();
      late.event.done({});
    }
  }
  return done();
}

void Trial::run_for(milliseconds time) {
  run_until([] { return false; }, time);
}

void Trial::ask(std::string_view raw_state, std::string_view id,
                const std::map<std::string, std::string>& annotations) {
  const auto* table = library_.extension<usher_oci>(USHER_EXT_OCI);
  const auto oci = read_sized(table, "usher_oci");
  if (!oci || instance_ == nullptr) {
    return;
  }
  std::vector<usher_pair> pairs;
  for (const auto& [key, value] : annotations) {
    pairs.push_back({raw(key), raw(value)});
  }
  usher_oci_state state{};
  state.size = sizeof state;
  state.runtime = raw(library_.runtimes.front());
  state.raw = raw(raw_state);
  state.id = raw(id);
  state.status = raw("creating");
  state.annotations = pairs.data();
  state.annotation_count = pairs.size();
  ++open_;
  ++questions_;
  const auto question =
      bridge_.expect_identity([this](const Result<identity::Identity>&) { --open_; });
  call("identify", [&](usher_error*) {
    oci->identify(instance_, &state, question);
    return USHER_OK;
  });
}

void Trial::report_misuse() {
  for (const auto& line : said_) {
    // "it held up …" and the like, without the subject.
    findings_.failures.push_back(line);
  }
}

}  // namespace usher::adapter
