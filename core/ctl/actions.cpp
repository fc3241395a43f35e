// explain, events, mode, release, reload.
#include <fmt/format.h>

#include "ctl/agent_commands.hpp"
#include "ctl/show.hpp"

namespace usher::ctl {

int explain(api::Client& client, const Terminal& terminal, const v1::ExplainRequest& question) {
  const auto answer = client.explain(question);
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    terminal.out << text_of(to_json(*answer)) << '\n';
    return kOk;
  }
  terminal.out << terminal.paint(colour_of_verdict(answer->verdict()), escape(answer->verdict()))
               << fmt::format(" {} {}", escape(question.operation()), escape(question.object()));
  if (!answer->policy().empty()) {
    terminal.out << fmt::format(": policy {}, rule {}", escape(answer->policy()),
                                escape(answer->rule()));
  } else {
    terminal.out << ": no rule speaks of it";
  }
  terminal.out << '\n';
  for (const auto& note : answer->notes()) {
    terminal.out << "  " << escape(note) << '\n';
  }
  return kOk;
}

int show_events(api::Client& client, const Terminal& terminal, bool follow, std::uint32_t history) {
  v1::StreamEventsRequest request;
  request.set_follow(follow);
  request.set_history(history);
  const auto ended = client.events(request, [&](const v1::Event& event) {
    // JSON as one object a line, so that a follower can take them apart.
    terminal.out << (terminal.json ? text_of(to_json(event), -1) : event_line(event, terminal))
                 << '\n'
                 << std::flush;
    return terminal.out.good();
  });
  return ended ? kOk : report(terminal, ended.error());
}

int set_mode(api::Client& client, const Terminal& terminal, const std::string& mode) {
  const auto answer = client.set_mode(mode);
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    terminal.out << text_of(Json{{"mode", mode}, {"previous", escape(answer->previous())}}) << '\n';
  } else if (mode == "audit") {
    terminal.out << fmt::format(
        "audit (was {}): nothing is denied on this node any more, all is reported; "
        "`usherctl mode enforce` takes it back\n",
        escape(answer->previous()));
  } else {
    terminal.out << fmt::format("{} (was {})\n", mode, escape(answer->previous()));
  }
  return kOk;
}

int release(api::Client& client, const Terminal& terminal, const std::string& workload, bool sure) {
  if (!sure) {
    if (!terminal.interactive) {
      return terminal.fail(kUsage, "release ends the enforcement of a running workload: say --yes");
    }
    terminal.out
        << fmt::format(
               "No policy will hold {} from now on until it is restarted. Release it? [y/N] ",
               escape(workload))
        << std::flush;
    std::string answer;
    std::getline(terminal.in, answer);
    if (answer != "y" && answer != "Y" && answer != "yes") {
      return terminal.fail(kFailed, "nothing was released");
    }
  }
  const auto answer = client.release(workload);
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    terminal.out << text_of(Json{{"released", to_json(answer->workload())}}) << '\n';
  } else {
    terminal.out << fmt::format("released {} ({})\n", workload_name(answer->workload()),
                                short_id(answer->workload().container_id()));
  }
  return kOk;
}

int reload(api::Client& client, const Terminal& terminal) {
  const auto answer = client.reload();
  if (!answer) {
    return report(terminal, answer.error());
  }
  if (terminal.json) {
    terminal.out << text_of(to_json(*answer)) << '\n';
    return answer->current() ? kOk : kFailed;
  }
  for (const auto& error : answer->errors()) {
    terminal.err << sentence(error) << '\n';
  }
  for (const auto& warning : answer->warnings()) {
    terminal.err << "warning: " << sentence(warning) << '\n';
  }
  terminal.out << (answer->current() ? "the policy files are in force\n"
                                     : "the policy files have errors: what was in force stays\n");
  return answer->current() ? kOk : kFailed;
}

}  // namespace usher::ctl
