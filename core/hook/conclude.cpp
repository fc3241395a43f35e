#include "hook/conclude.hpp"

#include "base/escape.hpp"
#include "hook/exempt.hpp"
#include "hook/spool.hpp"
#include "hook/state.hpp"

namespace usher::hook {
namespace {

using Kind = Outcome::Kind;

constexpr std::size_t kMaxShown = 1024;

std::string why_unasked(const Options& options, const Outcome& outcome) {
  const std::string at = "the agent at " + shown(options.socket);
  const std::string within = " within " + std::to_string(options.timeout.count()) + " ms";
  switch (outcome.kind) {
    case Kind::unavailable:
      return at + " could not be reached" + within + " (" + shown(outcome.message) + ")";
    case Kind::late:
      return at + " gave no verdict" + within + " (" + shown(outcome.message) + ")";
    default:
      return at + " cannot be asked (" + shown(outcome.message) + ")";
  }
}

// Lets the container go without policy, and leaves a note of it.
Ending without_policy(const Options& options, const Subject& subject, const std::string& why,
                      const std::string& because) {
  const std::string reason = because + ": " + why;
  const auto noted = write_spool(options.spool, {options.stage, options.runtime, &subject, reason});
  std::string sentence = why + ", and this container starts without policy because " + because;
  if (!noted) {
    sentence +=
        " (and this could not be noted for the agent: " + shown(noted.error().message) + ")";
  }
  return {0, std::move(sentence)};
}

Ending unasked(const Options& options, const Outcome& outcome, std::string_view state_bytes) {
  const std::string why = why_unasked(options, outcome);
  if (is_hint(options.stage)) {
    return {0, why + "; the container is not affected"};
  }
  const auto state = parse_state(state_bytes);
  const Subject subject = state ? subject_of(options.runtime, *state) : Subject{};
  if (state && is_exempt(options.exempt, subject, state->annotations)) {
    return without_policy(options, subject, why,
                          "namespace " + shown(subject.pod_namespace) + " is exempt");
  }
  if (options.fail_open) {
    return without_policy(options, subject, why, "the hook is set to --fail open");
  }
  std::string sentence = why + ", so this container is not started";
  if (!state) {
    sentence += " (no exemption could be looked for: " + state.error().message + ")";
  }
  return {1, sentence + "; see that usherd runs on this node (systemctl status usherd)"};
}

}  // namespace

Ending conclude(const Options& options, const Outcome& outcome, std::string_view state) {
  if (outcome.kind == Kind::go) {
    return {};
  }
  if (outcome.kind != Kind::refused) {
    return unasked(options, outcome, state);
  }
  const std::string said = shown(outcome.message);
  if (is_hint(options.stage)) {
    return {0, "the agent did not take the " + std::string(stage_name(options.stage)) +
                   " of this container: " + said + "; the container is not affected"};
  }
  return {1, "the agent refused this container: " + said};
}

Ending conclude_unreadable(const Options& options, std::string_view why) {
  return {is_hint(options.stage) ? 0 : 1, std::string(why)};
}

std::string shown(std::string_view bytes) {
  // Escaping never shortens, so a sequence that this cut breaks lies beyond the one below.
  std::string text = escape(bytes.substr(0, kMaxShown + 8));
  if (text.size() > kMaxShown) {
    std::size_t end = kMaxShown;
    while ((static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
      --end;  // not inside a UTF-8 sequence
    }
    text.resize(end);
    text += "...";
  }
  return text;
}

std::string describe(const Options& options, std::string_view state) {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\n");
  };
  const auto list = [&](std::string_view name, const std::vector<std::string>& values) {
    for (const auto& value : values) {
      line(name, escape(value));
    }
  };
  const auto pairs = [&](std::string_view name, const auto& values) {
    for (const auto& [key, value] : values) {
      line(name, escape(key) + "=" + escape(value));
    }
  };
  line("socket", escape(options.socket));
  line("call", "usher.v1.RuntimeHooks/Hook");
  line("timeout", std::to_string(options.timeout.count()) + " ms");
  line("fail", options.fail_open ? "open" : "closed");
  line("spool", escape(options.spool));
  list("exempt namespace", options.exempt.namespaces);
  pairs("exempt label", options.exempt.labels);
  pairs("exempt annotation", options.exempt.annotations);
  list("exempt image", options.exempt.images);
  line("stage", std::string(stage_name(options.stage)) + " (" +
                    std::to_string(static_cast<int>(options.stage)) + ")");
  line("runtime", escape(options.runtime));
  line("hook_version", USHER_VERSION);
  line("state length", std::to_string(state.size()));
  line("state", escape(state));
  return text;
}

}  // namespace usher::hook
