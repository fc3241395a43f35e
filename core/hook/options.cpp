#include "hook/options.hpp"

#include <sys/un.h>

#include <charconv>
#include <optional>

#include "base/escape.hpp"

namespace usher::hook {
namespace {

constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

std::string quoted(std::string_view text) {
  return "\"" + escape(text) + "\"";
}

Result<std::pair<std::string, std::string>> key_value(std::string_view option,
                                                      std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(std::string(option) + " " + quoted(text) + " must have the form KEY=VALUE");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

Result<std::string> absolute_path(std::string_view option, std::string_view text) {
  if (!text.starts_with('/')) {
    // A hook runs in the container's bundle: a relative path would be the container's to choose.
    return fail(std::string(option) + " " + quoted(text) + " must be an absolute path");
  }
  return std::string(text);
}

// The arguments, one after the other, with `--name value` and `--name=value` read alike.
class Parser {
 public:
  explicit Parser(std::span<const char* const> arguments) : arguments_(arguments) {}

  Result<Options> parse();

 private:
  Result<> option(std::string_view name);
  Result<> positional(std::string_view text);
  Result<> finish();
  Result<std::string_view> value(std::string_view name);
  Result<> set_timeout(std::string_view text);
  Result<> set_fail(std::string_view text);
  Result<> set_runtime(std::string_view text);
  Result<> set_socket(std::string_view text);
  Result<> set_exemption(std::string_view name, std::string_view text);

  std::span<const char* const> arguments_;
  std::size_t next_ = 0;
  std::optional<std::string_view> inline_value_;
  std::optional<Stage> stage_;
  std::optional<std::chrono::milliseconds> timeout_;
  bool named_namespace_ = false;
  bool narrowed_ = false;
  bool default_exemptions_ = true;
  std::vector<std::string> namespaces_;
  Options options_;
};

Result<std::string_view> Parser::value(std::string_view name) {
  std::string_view text;
  if (inline_value_) {
    text = *inline_value_;
    inline_value_.reset();
  } else if (next_ < arguments_.size()) {
    text = arguments_[next_++];
  } else {
    return fail("option " + std::string(name) + " needs a value; see usher-hook --help");
  }
  if (text.empty()) {
    return fail("option " + std::string(name) + " has an empty value; see usher-hook --help");
  }
  return text;
}

Result<> Parser::set_timeout(std::string_view text) {
  int ms = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (code != std::errc() || end != text.data() + text.size() || ms < 1 ||
      ms > kLongestTimeout.count()) {
    return fail("--timeout " + quoted(text) + " must be a number of milliseconds from 1 to " +
                std::to_string(kLongestTimeout.count()));
  }
  timeout_ = std::chrono::milliseconds(ms);
  return {};
}

Result<> Parser::set_fail(std::string_view text) {
  if (text != "closed" && text != "open") {
    return fail("--fail " + quoted(text) + " must be closed or open");
  }
  options_.fail_open = text == "open";
  return {};
}

Result<> Parser::set_runtime(std::string_view text) {
  if (text.size() > 64 ||
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") != std::string_view::npos) {
    return fail("--runtime " + quoted(text) +
                " must be a runtime's name (a-z, 0-9, '.', '_', '-'; at most 64)");
  }
  options_.runtime = text;
  return {};
}

Result<> Parser::set_socket(std::string_view text) {
  auto path = absolute_path("--socket", text);
  if (!path) {
    return std::unexpected(path.error());
  }
  if (path->size() > kMaxSocketPath) {
    return fail("--socket is longer than the " + std::to_string(kMaxSocketPath) +
                " bytes that a unix socket's path may have");
  }
  options_.socket = *std::move(path);
  return {};
}

Result<> Parser::set_exemption(std::string_view name, std::string_view text) {
  if (name == "--exempt-namespace") {
    named_namespace_ = true;
    namespaces_.emplace_back(text);
    return {};
  }
  narrowed_ = true;
  if (name == "--exempt-image") {
    options_.exempt.images.emplace_back(text);
    return {};
  }
  auto pair = key_value(name, text);
  if (!pair) {
    return std::unexpected(pair.error());
  }
  auto& list = name == "--exempt-label" ? options_.exempt.labels : options_.exempt.annotations;
  list.push_back(*std::move(pair));
  return {};
}

Result<> Parser::option(std::string_view name) {
  if (const auto equals = name.find('='); equals != std::string_view::npos) {
    inline_value_ = name.substr(equals + 1);
    name = name.substr(0, equals);
  }
  if (name == "--help" || name == "-h") {
    options_.action = Action::help;
  } else if (name == "--version") {
    options_.action = Action::version;
  } else if (name == "--print") {
    options_.action = options_.action == Action::run ? Action::print : options_.action;
  } else if (name == "--no-default-exemptions") {
    default_exemptions_ = false;
  } else {
    const bool exemption = name == "--exempt-namespace" || name == "--exempt-label" ||
                           name == "--exempt-annotation" || name == "--exempt-image";
    if (!exemption && name != "--runtime" && name != "--socket" && name != "--timeout" &&
        name != "--fail" && name != "--spool") {
      return fail("unknown option " + quoted(name) + "; see usher-hook --help");
    }
    const auto text = value(name);
    if (!text) {
      return std::unexpected(text.error());
    }
    if (exemption) {
      return set_exemption(name, *text);
    }
    if (name == "--spool") {
      auto path = absolute_path(name, *text);
      if (!path) {
        return std::unexpected(path.error());
      }
      options_.spool = *std::move(path);
      return {};
    }
    return name == "--runtime"   ? set_runtime(*text)
           : name == "--socket"  ? set_socket(*text)
           : name == "--timeout" ? set_timeout(*text)
                                 : set_fail(*text);
  }
  if (inline_value_) {
    return fail("option " + std::string(name) + " takes no value; see usher-hook --help");
  }
  return {};
}

Result<> Parser::positional(std::string_view text) {
  if (stage_) {
    return fail("unexpected argument " + quoted(text) + "; one stage is enough");
  }
  stage_ = stage_named(text);
  if (!stage_) {
    return fail("unknown stage " + quoted(text) +
                "; known are prestart, createRuntime, createContainer, startContainer, poststart "
                "and poststop");
  }
  return {};
}

Result<> Parser::finish() {
  if (!stage_) {
    return fail("which stage is this? say for example: usher-hook createRuntime --runtime cri-o");
  }
  if (options_.runtime.empty()) {
    return fail(
        "which runtime calls this hook? say it with --runtime, for example --runtime cri-o");
  }
  if (narrowed_ && !named_namespace_) {
    return fail(
        "--exempt-label, --exempt-annotation and --exempt-image only narrow an exemption, because "
        "a "
        "pod's author can choose them; name the namespaces with --exempt-namespace");
  }
  options_.stage = *stage_;
  options_.timeout = timeout_.value_or(is_hint(*stage_) ? kHintTimeout : options_.timeout);
  if (!default_exemptions_) {
    options_.exempt.namespaces.clear();
  }
  auto& namespaces = options_.exempt.namespaces;
  namespaces.insert(namespaces.end(), namespaces_.begin(), namespaces_.end());
  return {};
}

Result<Options> Parser::parse() {
  while (next_ < arguments_.size()) {
    const std::string_view argument = arguments_[next_++];
    const auto done = argument.starts_with('-') ? option(argument) : positional(argument);
    if (!done) {
      return std::unexpected(done.error());
    }
  }
  if (options_.action == Action::help || options_.action == Action::version) {
    return options_;
  }
  if (const auto finished = finish(); !finished) {
    return std::unexpected(finished.error());
  }
  return options_;
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  return Parser(arguments).parse();
}

std::string_view help_text() {
  return R"(usher-hook STAGE --runtime NAME [options]

Tells the Usher agent of a container and lets the runtime go on when the kernel is ready for it.
Run by a container runtime, which gives the container's OCI state on standard input.

STAGE is one of prestart, createRuntime (the gate), createContainer, startContainer (confirm),
poststart, poststop (tell the agent; never fail the container).

  --runtime NAME            who calls this hook: cri-o, podman, containerd; decides whose keys count
  --socket PATH             the agent's socket (/run/usher/hook.sock)
  --timeout MS              for everything together (5000; poststart and poststop 1000)
  --fail closed|open        what happens to a container when the agent cannot be asked (closed)
  --exempt-namespace GLOB   starts without the agent too; may be repeated
                            (kube-system and usher-system always, unless:)
  --no-default-exemptions   only the namespaces named by --exempt-namespace
  --exempt-label K=V        narrows the exemption: these must hold as well; may be repeated
  --exempt-annotation K=V
  --exempt-image GLOB       one of those given must match
  --spool DIR               where starts without the agent are noted (/run/usher/failed-open)
  --print                   shows what would be sent, and sends nothing
  --help, --version

Inside a Kata guest: usher-hook guest-prestart|guest-poststart|guest-poststop, or just the stage
where the file lies in a folder of that name (<guest_hook_path>/prestart/usher-hook). No options:
../usher-hook.conf beside that folder says relay = vsock:PORT (or unix:/PATH, or agent = /PATH for
the guest's own agent), deadline = 1500ms, fail = closed|open. guest-prestart kills the container's
process unless the answer is GO, because its exit status is ignored there.

Exit status: 0 the container may go on; 1 it may not; 2 the arguments are wrong.
Example, as a hook of CRI-O:
  {"version": "1.0.0", "when": {"always": true}, "stages": ["createRuntime"],
   "hook": {"path": "/usr/libexec/usher/usher-hook", "env": [], "timeout": 10,
            "args": ["usher-hook", "createRuntime", "--runtime", "cri-o"]}}
)";
}

}  // namespace usher::hook
