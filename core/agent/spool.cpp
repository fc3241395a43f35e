#include "agent/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/escape.hpp"
#include "base/file.hpp"

namespace usher::agent {

namespace fs = std::filesystem;

namespace {

Result<std::string> read_note(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found{};
  if (!fd || ::fstat(fd.get(), &found) != 0) {
    return fail_system("cannot open " + path.string());
  }
  if (!S_ISREG(found.st_mode)) {
    return fail(path.string() + ": not a regular file");
  }
  return read_all(fd.get(), kSpoolFileBytes, path.string());
}

std::string member(const nlohmann::json& note, const char* key) {
  const auto found = note.find(key);
  return found != note.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<v1::Event> parse_note(const std::string& text) {
  const auto note = nlohmann::json::parse(text, nullptr, false);
  if (!note.is_object()) {
    return fail("not a JSON object");
  }
  v1::Event event;
  event.set_type("failed-open");
  event.set_severity("warning");
  event.set_pod_namespace(member(note, "namespace"));
  event.set_pod_name(member(note, "pod"));
  event.set_container_id(member(note, "id"));
  event.set_message(fmt::format(
      "a container of runtime {} went on at {} ({}) without this agent's verdict and is not "
      "enrolled: {}; restart it to enrol it",
      escape(member(note, "runtime")), escape(member(note, "stage")), escape(member(note, "time")),
      member(note, "reason")));
  return event;
}

std::vector<fs::path> notes(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code problem;
  for (auto entry = fs::directory_iterator(directory, problem);
       !problem && entry != fs::directory_iterator() && found.size() < kSpoolFiles;
       entry.increment(problem)) {
    const auto name = entry->path().filename().string();
    if (name.ends_with(".json") && !name.starts_with('.')) {
      found.push_back(entry->path());
    }
  }
  return found;
}

}  // namespace

std::size_t collect_spool(const fs::path& directory, Journal& journal) {
  std::size_t reported = 0;
  for (const auto& path : notes(directory)) {
    const auto text = read_note(path);
    auto event = text ? parse_note(*text) : std::unexpected(text.error());
    if (event) {
      journal.publish(std::move(*event));
      ++reported;
    } else {
      journal.log().warning("a failed-open note cannot be read and is removed",
                            {{"file", path.string()}, {"reason", event.error().message}});
    }
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  return reported;
}

}  // namespace usher::agent
