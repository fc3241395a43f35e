#include "ctl/app.hpp"

#include <CLI/CLI.hpp>

#include "ctl/adapter_check.hpp"
#include "ctl/agent_commands.hpp"
#include "ctl/policies_check.hpp"
#include "ctl/runtime_options.hpp"

namespace usher::ctl {
namespace {

using Command = std::function<int(const Terminal&)>;

// One command line: each subcommand's callback leaves in `command` what is to be run.
class App {
 public:
  explicit App(const Surroundings& surroundings) : surroundings_(surroundings) {
    app_.name("usherctl");
    app_.description("Asks and steers usherd, the node agent; checks policies and this node.");
    app_.footer(
        "Exit codes: 0 done, 1 refused or failed, 2 bad command line or input, 3 no agent "
        "answers.\nExample: usherctl status");
    app_.require_subcommand(1);
    app_.set_version_flag("--version", "usherctl " USHER_VERSION);
    app_.add_flag("--json", json_, "Machine-readable output; the keys are stable");
    app_.add_option("--socket", socket_, "The agent's admin socket")->capture_default_str();
    app_.add_option("--timeout", timeout_, "How long one answer may take, in milliseconds")
        ->check(CLI::Range(1, 3'600'000))
        ->capture_default_str();
    add_lists();
    add_explain();
    add_events();
    add_actions();
    add_local();
    add_runtime_commands(app_, command_);
    add_adapter_commands(app_, command_);
  }

  int run(int argc, const char* const* argv, Terminal terminal) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, terminal.out, terminal.err) == 0 ? kOk : kUsage;
    }
    terminal.json = json_;
    return command_(terminal);
  }

 private:
  CLI::App* add(CLI::App& parent, const char* name, const char* what, const char* example) {
    auto* sub = parent.add_subcommand(name, what);
    sub->fallthrough();  // --json and --socket after the command too
    sub->footer(std::string("Example: ") + example);
    return sub;
  }

  // A command that needs the agent.
  template <class Run>
  void on_agent(CLI::App* sub, Run run) {
    sub->callback([this, run] {
      command_ = [this, run](const Terminal& terminal) {
        const auto client = surroundings_.connect(socket_, std::chrono::milliseconds(timeout_));
        return client ? run(**client, terminal) : report(terminal, client.error());
      };
    });
  }

  void add_lists() {
    on_agent(add(app_, "status", "The agent: backend, mode, what is in force, what is wrong",
                 "usherctl status"),
             show_status);
    on_agent(add(app_, "workloads", "Who is enrolled, by which policies, known from where",
                 "usherctl workloads --json"),
             show_workloads);
    on_agent(add(app_, "adapters", "The runtime adapters: which run, and why the others do not",
                 "usherctl adapters"),
             show_adapters);
    policies_ = add(app_, "policies", "The policies in force, or a check of policy files",
                    "usherctl policies list");
    policies_->require_subcommand(1);
    on_agent(add(*policies_, "list", "The policies in force and the state of their files",
                 "usherctl policies list"),
             show_policies);
  }

  void add_explain() {
    auto* sub = add(app_, "explain",
                    "What would happen, by which rule, out of what the kernel itself reads",
                    "usherctl explain payments/api exec /bin/sh\n"
                    "         usherctl explain payments/api connect 10.0.0.1:443 --protocol tcp");
    sub->add_option("workload", workload_,
                    "Container id (or its beginning), NAMESPACE/POD[/CONTAINER], or slot")
        ->required();
    sub->add_option("operation", operation_, "exec, read, write, connect or bind")
        ->required()
        ->check(CLI::IsMember({"exec", "read", "write", "connect", "bind"}));
    sub->add_option("object", object_, "A path, or ADDRESS:PORT ([ADDRESS]:PORT for IPv6)")
        ->required();
    sub->add_option("--requested", requested_, "exec: the name asked for, if not the file's own");
    sub->add_option("--program", program_, "Who acts: the path of its program, for `from`");
    sub->add_option("--protocol", protocol_, "connect, bind: tcp or udp")
        ->check(CLI::IsMember({"tcp", "udp"}));
    on_agent(sub, [this](api::Client& client, const Terminal& terminal) {
      v1::ExplainRequest question;
      question.set_workload(workload_);
      question.set_operation(operation_);
      question.set_object(object_);
      question.set_requested(requested_);
      question.set_program(program_);
      question.set_protocol(protocol_);
      return explain(client, terminal, question);
    });
  }

  void add_events() {
    auto* sub = add(app_, "events", "What the kernel and the agent told; --json is one a line",
                    "usherctl events --follow");
    sub->add_flag("--follow,-f", follow_, "Go on with what comes");
    sub->add_option("--history", history_,
                    "How many of the events kept to show first (default: 50, with --follow 10)");
    on_agent(sub, [this, sub](api::Client& client, const Terminal& terminal) {
      const std::uint32_t fallback = follow_ ? 10 : 50;
      return show_events(client, terminal, follow_,
                         sub->count("--history") != 0 ? history_ : fallback);
    });
  }

  void add_actions() {
    auto* mode =
        add(app_, "mode", "Enforce on this node, or only report (audit)", "usherctl mode audit");
    mode->add_option("mode", mode_, "audit or enforce")
        ->required()
        ->check(CLI::IsMember({"audit", "enforce"}));
    on_agent(mode, [this](api::Client& client, const Terminal& terminal) {
      return set_mode(client, terminal, mode_);
    });
    auto* let_go = add(app_, "release", "Ends the enforcement of one running workload",
                       "usherctl release payments/api/main --yes");
    let_go->add_option("workload", workload_, "As in explain")->required();
    let_go->add_flag("--yes,-y", sure_, "Do not ask");
    on_agent(let_go, [this](api::Client& client, const Terminal& terminal) {
      return release(client, terminal, workload_, sure_);
    });
    on_agent(add(app_, "reload", "Reads the policy files again; fails when they have errors",
                 "usherctl reload"),
             reload);
  }

  void add_local() {
    auto* check = add(*policies_, "check", "Checks policy files as the agent would; needs none",
                      "usherctl policies check /etc/usher/policy.d");
    check->add_option("files", files_, "Files, or directories with *.toml in them")
        ->required()
        ->check(CLI::ExistingPath);
    check->add_option("--backend", backend_, "What they must run on: lsm or tracepoint")
        ->check(CLI::IsMember({"lsm", "tracepoint"}))
        ->capture_default_str();
    check->callback([this] {
      command_ = [this](const Terminal& terminal) {
        return check_policies({files_.begin(), files_.end()}, backend_, terminal);
      };
    });
    add(app_, "doctor", "What works on this node, what is missing, how to get it; needs no agent",
        "usherctl doctor")
        ->callback([this] {
          command_ = [this](const Terminal& terminal) {
            const auto sources = surroundings_.sources();
            return show_doctor(diagnose(sources), sources, terminal);
          };
        });
  }

  const Surroundings& surroundings_;
  CLI::App app_;
  CLI::App* policies_ = nullptr;
  Command command_;

  bool json_ = false;
  std::string socket_ = "/run/usher/admin.sock";
  int timeout_ = 5000;
  std::string workload_;
  std::string operation_;
  std::string object_;
  std::string requested_;
  std::string program_;
  std::string protocol_;
  bool follow_ = false;
  std::uint32_t history_ = 0;
  std::string mode_;
  bool sure_ = false;
  std::vector<std::string> files_;
  std::string backend_ = "lsm";
};

}  // namespace

int run(int argc, const char* const* argv, Terminal terminal, const Surroundings& surroundings) {
  return App(surroundings).run(argc, argv, terminal);
}

}  // namespace usher::ctl
