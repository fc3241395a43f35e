#include "adapter/conformance_rules.hpp"

#include <algorithm>

#include "adapter/conformance_footprint.hpp"
#include "adapter/elf_symbols.hpp"
#include "adapter/instance.hpp"

namespace usher::adapter {
namespace {

using std::chrono::milliseconds;
using Answers = Trial::Answers;
using Kind = AdapterEvent::Kind;

// How long an adapter may take to list what runs.
constexpr milliseconds kList{3000};

void one_symbol(const Library& library, const Config&, Findings& findings) {
  const auto symbols = exported_symbols(library.path);
  if (fails(findings, !symbols.has_value(), symbols ? "" : symbols.error().message)) {
    return;
  }
  std::string others;
  for (const auto& name : *symbols) {
    others += name == "usher_plugin_v1" ? "" : " " + name;
  }
  fails(findings, !others.empty(),
        "it exports more than usher_plugin_v1:" + others.substr(0, 400) +
            "; compile with -fvisibility=hidden or link with a version script");
}

void answers_probe(const Library& library, const Config& settings, Findings& findings) {
  const RawSettings form(settings);
  ErrorSlot slot;
  const auto first = library.plugin.probe(form.get(), slot.get());
  const auto second = library.plugin.probe(form.get(), nullptr);
  fails(findings, first != second, "asked twice it answered differently");
  fails(findings, first == USHER_ABSENT && slot.get()->length == 0,
        "it says that the runtime is absent and not why");
  if (first != USHER_OK && first != USHER_ABSENT) {
    findings.warnings.push_back("probe failed: " + slot.take().message);
  }
}

void refuses_unknown_settings(const Library& library, const Config& settings, Findings& findings) {
  Config wrong = settings;
  wrong["no.such.setting"] = std::string("x");
  Trial trial(library, wrong, findings, {});
  if (!fails(findings, trial.create(), "create took the setting no.such.setting")) {
    fails(findings, trial.why().find("no.such.setting") == std::string::npos,
          "the refusal of a setting does not name it: " + trial.why());
  }
}

void refuses_without_error(const Library& library, const Config& settings, Findings& findings) {
  Config wrong = settings;
  wrong["no.such.setting"] = std::string("x");
  const RawSettings form(wrong);
  asio::io_context loop{1};
  Bridge& bridge = Bridge::create(loop, library.name, library.runtimes, {});
  void* made = nullptr;
  const auto status = library.plugin.create(bridge.table(), form.get(), &made, nullptr);
  fails(findings, status == USHER_OK, "create took the setting no.such.setting");
}

void runs_nothing_before_start(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {});
  if (!trial.create()) {
    findings.skipped = "with these settings it is not created here: " + trial.why();
    return;
  }
  trial.run_for(kLook);
  fails(findings, !trial.events().empty(), "it published before it was started");
}

void lives(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {});
  if (!trial.run()) {
    return;
  }
  trial.run_for(kLook);
}

void lives_twice(const Library& library, const Config& settings, Findings& findings) {
  for (int i = 0; i < 2; ++i) {
    Trial trial(library, settings, findings, {});
    if (!trial.run()) {
      return;
    }
    trial.run_for(milliseconds(50));
  }
  Trial one(library, settings, findings, {});
  Trial other(library, settings, findings, {});
  if (!one.run() || !other.run()) {
    findings.skipped.clear();
    findings.warnings.push_back("two instances at once do not start: " +
                                (one.why().empty() ? other.why() : one.why()));
  }
}

// A list is LISTING, what is there, SYNCED. Those of several runtimes may be mixed.
void judge_lists(const std::vector<Kind>& events, bool one_runtime, Findings& findings) {
  std::size_t begun = 0;
  std::size_t ended = 0;
  bool late = false;
  for (const Kind kind : events) {
    begun += kind == Kind::listing ? 1 : 0;
    ended += kind == Kind::synced ? 1 : 0;
    late = late || (kind == Kind::container_running && ended != 0 && begun <= ended);
  }
  fails(findings, begun > ended && ended != 0, "it said listing and then not synced");
  fails(findings, late && one_runtime,
        "it published a container that runs after synced, which says that all were published");
  if (ended != 0 && begun == 0) {
    findings.warnings.push_back("it says synced and never listing, where its list begins");
  }
}

void feeds_in_order(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {});
  if (!trial.run()) {
    return;
  }
  const auto seen = [&](Kind kind) {
    return std::ranges::find(trial.events(), kind) != trial.events().end();
  };
  trial.run_for(kLook);
  if (trial.events().empty()) {
    findings.skipped = "it publishes nothing here";
    return;
  }
  fails(findings, !trial.run_until([&] { return seen(Kind::synced); }, kList),
        "it published and never said synced");
  trial.run_for(kLook);
  judge_lists(trial.events(), library.runtimes.size() == 1, findings);
}

void stops_at_once(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {});
  if (trial.run()) {
    trial.stop();
  }
}

void stops_amid_events(const Library& library, const Config& settings, Findings& findings) {
  for (const int after : {1, 2, 3}) {
    Trial trial(library, settings, findings, {});
    if (!trial.run()) {
      return;
    }
    trial.run_until([&] { return trial.events().size() >= static_cast<std::size_t>(after); },
                    kLook);
    trial.stop();
  }
}

template <Answers answers>
void bears_answers(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {.answers = answers});
  if (trial.run()) {
    trial.run_for(kLook * 3);  // longer than the simulated agent's deadline for gates
  }
}

void bears_a_bare_agent(const Library& library, const Config& settings, Findings& findings) {
  Trial trial(library, settings, findings, {.bare = true});
  if (trial.create() && trial.start()) {
    trial.run_for(kLook);
  } else if (trial.why().empty() || trial.why() == "the adapter gave no reason") {
    findings.failures.emplace_back("without " USHER_EXT_LOOP
                                   " it does not start, and does not say why");
  }
}

void identifies(const Library& library, const Config& settings, Findings& findings) {
  if (library.extension<usher_oci>(USHER_EXT_OCI) == nullptr) {
    findings.skipped = "it has no " USHER_EXT_OCI;
    return;
  }
  Trial trial(library, settings, findings, {});
  if (!trial.run()) {
    return;
  }
  const std::string nothing("\0\0\0", 3);
  const std::string bytes("\xff\xfe\x80\0\n", 5);
  const std::string large(1U << 20, 'x');
  trial.ask("", "", {});
  trial.ask("{", "c1", {});
  trial.ask("[1,2", "c1", {});
  trial.ask("{}", bytes, {{bytes, bytes}, {nothing, nothing}});
  trial.ask("{}", large.substr(0, 60'000),
            {{"a", large}, {large, "b"}});  // an id may be taken over
  trial.ask(std::string(100'000, '['), "c1", {});
  std::map<std::string, std::string> many;
  for (int i = 0; i < 5000; ++i) {
    many["key" + std::to_string(i)] = "value";
  }
  trial.ask("{}", "c1", many);
  fails(findings, !trial.run_until([&] { return trial.open_questions() == 0; }, kList),
        std::to_string(trial.open_questions()) + " of " + std::to_string(trial.questions()) +
            " states were not answered within " + std::to_string(kList.count()) + " ms");
}

void answers_before_stopped(const Library& library, const Config& settings, Findings& findings) {
  if (library.extension<usher_oci>(USHER_EXT_OCI) == nullptr) {
    findings.skipped = "it has no " USHER_EXT_OCI;
    return;
  }
  Trial trial(library, settings, findings, {});
  if (trial.run()) {
    for (int i = 0; i < 50; ++i) {
      trial.ask("{}", "c" + std::to_string(i), {});
    }
    trial.stop();
  }
}

constexpr Rule kRules[] = {
    {"one-symbol", "exports usher_plugin_v1 and nothing else", &one_symbol},
    {"probe", "says whether its runtime is here, and why not", &answers_probe},
    {"unknown-settings", "refuses a setting that it does not know, by name",
     &refuses_unknown_settings},
    {"null-error", "fails without an error struct, too", &refuses_without_error},
    {"create-only", "runs nothing before start, and can be destroyed then",
     &runs_nothing_before_start},
    {"life", "is created, started, stopped and destroyed, and breaks no rule", &lives},
    {"instances", "lives twice in a row, and twice at once", &lives_twice},
    {"feed", "lists between listing and synced", &feeds_in_order},
    {"stop-at-once", "stops when asked right after start", &stops_at_once},
    {"stop-amid-events", "stops while its events are on the way", &stops_amid_events},
    {"slow-done", "bears an agent that answers late", &bears_answers<Answers::slowly>},
    {"lost-done", "bears an agent that never answers", &bears_answers<Answers::never>},
    {"refused", "bears an agent that refuses every event", &bears_answers<Answers::refused>},
    {"bare-agent", "bears an agent without extensions", &bears_a_bare_agent},
    {"identify", "answers hostile OCI states, each once", &identifies},
    {"answers-before-stopped", "answers what was asked before it says stopped",
     &answers_before_stopped},
    {"signals-blocked", "its threads block signals", &blocks_signals},
    {"leaves-nothing", "leaves no thread and no descriptor behind", &leaves_nothing},
    {"process-untouched", "leaves signals and the working directory alone", &leaves_signals},
};

}  // namespace

std::span<const Rule> conformance_rules() {
  return kRules;
}

}  // namespace usher::adapter
