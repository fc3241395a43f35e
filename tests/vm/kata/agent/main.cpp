// Plays Kata's agent inside a guest, as far as hooks see it: ../README.md. Requests are lines, each
// is answered by one; what hooks said goes to standard error.
//
//   sandbox [FOLDER]              CreateSandbox; FOLDER: guest_hook_path
//   create ID SPEC                CreateContainer; SPEC: a config.json's path, or its text
//   start ID                      StartContainer
//   wait ID                       until its process has ended
//   exec ID PROGRAM [ARGUMENT…]   a further process in it, until that has ended
//   remove ID                     RemoveContainer
//   guest COMMAND…                for tests: a line for the guest's own shell, until that has
//   ended;
//                                 what it printed follows how it ended
//   quit                          removes all containers and ends
//
// Answers: "ok …" or "error …". Requests are taken one after the other: the agent's one lock.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "channel.hpp"
#include "container.hpp"

namespace usher::kata {
namespace {

Result<std::string> how(Result<int> status) {
  if (!status) {
    return std::unexpected(std::move(status).error());
  }
  return WIFSIGNALED(*status) ? "signal " + std::to_string(WTERMSIG(*status))
                              : "exit " + std::to_string(WEXITSTATUS(*status));
}

// A line for the guest's shell. Into a file: what it leaves running may keep its streams.
Result<std::string> run_in_guest(const Places& places, const std::string& command) {
  constexpr std::size_t kMost = 1U << 20;
  constexpr std::size_t kShown = 4096;
  const auto path = places.run / "guest.out";
  auto ended = how(std::system(("{ " + command + "\n} >" + path.string() + " 2>&1").c_str()));
  auto said = read_file(path, kMost).value_or("");
  said.resize(std::min(said.size(), kShown));
  if (ended && !said.empty()) {
    std::ranges::replace(said, '\n', ' ');
    *ended += ": " + said;
  }
  return ended;
}

class Agent {
 public:
  explicit Agent(Places places) : places_(std::move(places)) {}

  Result<std::string> obey(const std::vector<std::string>& words);
  void remove_all() {
    for (auto& [id, container] : containers_) {
      container.remove();
    }
  }

 private:
  Result<std::string> create(const std::vector<std::string>& words);
  Result<std::string> on_container(const std::vector<std::string>& words);

  Places places_;
  GuestHooks hooks_;
  bool sandbox_ = false;
  std::map<std::string, Container> containers_;
};

Result<std::string> Agent::create(const std::vector<std::string>& words) {
  if (!sandbox_) {
    return fail("there is no sandbox yet");
  }
  if (words.size() < 3 || containers_.contains(words[1])) {
    return fail("create needs a new ID and a SPEC");
  }
  const auto text = words[2].starts_with('{') ? Result<std::string>(words[2]) : read_file(words[2]);
  if (!text) {
    return std::unexpected(text.error());
  }
  const auto spec = nlohmann::ordered_json::parse(*text);
  auto made = Container::create(places_, words[1], spec, hooks_);
  if (!made) {
    return std::unexpected(std::move(made).error());
  }
  const auto pid = made->pid();
  containers_.emplace(words[1], *std::move(made));
  return "pid " + std::to_string(pid);
}

Result<std::string> Agent::on_container(const std::vector<std::string>& words) {
  const auto at = words.size() > 1 ? containers_.find(words[1]) : containers_.end();
  if (at == containers_.end()) {
    return fail("there is no such container");
  }
  auto& container = at->second;
  if (words[0] == "start") {
    auto done = container.start();
    return done ? Result<std::string>(std::string()) : std::unexpected(std::move(done).error());
  }
  if (words[0] == "wait") {
    return how(container.wait());
  }
  if (words[0] == "exec") {
    return how(container.exec({words.begin() + 2, words.end()}));
  }
  if (words[0] == "remove") {
    container.remove();
    containers_.erase(at);
    return std::string();
  }
  return fail("unknown command");
}

Result<std::string> Agent::obey(const std::vector<std::string>& words) {
  if (words[0] == "sandbox") {
    hooks_ = words.size() > 1 ? GuestHooks(words[1]) : GuestHooks();
    sandbox_ = true;
    return std::to_string(hooks_.count()) + " hooks";
  }
  if (words[0] == "guest" && words.size() == 2) {
    return run_in_guest(places_, words[1]);
  }
  return words[0] == "create" ? create(words) : on_container(words);
}

// The first two words and the rest for create, whose text may hold blanks; else all words.
std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) {
    words.push_back(word);
    if (words[0] == "guest" || (words[0] == "create" && words.size() == 2)) {
      std::getline(stream >> std::ws, word);
      words.push_back(word);
      break;
    }
  }
  return words;
}

Result<> serve(const Places& places, const std::string& where) {
  Agent agent(places);
  const Obey obey = [&](const std::string& line, std::string& answer) {
    const auto words = words_of(line);
    if (words.empty() || words[0] == "quit") {
      answer = "ok";
      return words.empty();
    }
    try {
      const auto done = agent.obey(words);
      answer = done ? "ok " + *done : "error " + done.error().message;
    } catch (const std::exception& error) {
      answer = std::string("error ") + error.what();
    }
    return true;
  };
  Result<> served;
  if (where.empty()) {
    serve_stdin(obey);
  } else {
    served = serve_connections(where, obey);
  }
  agent.remove_all();
  return served;
}

}  // namespace
}  // namespace usher::kata

int main(int argc, char** argv) {
  usher::kata::Places places;
  std::string where;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--listen") {
      where = argv[i + 1];
    } else {
      (option == "--run"       ? places.run
       : option == "--cgroups" ? places.cgroups
                               : places.rootfs) = argv[i + 1];
    }
  }
  if (places.rootfs.empty()) {
    std::fputs(
        "usage: usher-kata-agent --rootfs DIR [--run DIR] [--cgroups DIR] [--listen "
        "vsock:PORT|unix:PATH]\n",
        stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    std::filesystem::create_directories(places.run);
    const auto served = usher::kata::serve(places, where);
    if (!served) {
      std::fprintf(stderr, "usher-kata-agent: %s\n", served.error().message.c_str());
    }
    return served ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "usher-kata-agent: %s\n", error.what());
    return 1;
  }
}
