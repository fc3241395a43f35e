#include "cri-o/schema.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/escape.hpp"

namespace usher::cri_o {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kStages[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
constexpr int kMaxDepth = 64;

std::string lower(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

std::string in_quotes(std::string_view text) {
  return '"' + escape(text) + '"';
}

template <class... Results>
const Error* first_error(const Results&... results) {
  const Error* found = nullptr;
  ((found = found != nullptr || results ? found : &results.error()), ...);
  return found;
}

// A JSON object whose keys are read as Go reads them into a struct: in any case, null as absent,
// and none but the known ones.
class Members {
 public:
  Members(const Json& object, std::string where, std::initializer_list<std::string_view> known,
          std::vector<std::string>& remarks)
      : where_(std::move(where)) {
    for (const auto& [key, value] : object.items()) {
      const auto name = std::ranges::find_if(
          known, [&](auto one) { return lower(std::string(one)) == lower(key); });
      if (name == known.end()) {
        remarks.push_back(where_ + in_quotes(key) + " means nothing and is passed over");
      } else if (!value.is_null()) {
        // Its exact name wins over another spelling, whichever comes last.
        if (!found_.contains(*name) || key == *name) {
          found_[*name] = &value;
        }
      }
    }
  }

  const Json* find(std::string_view name) const {
    const auto at = found_.find(name);
    return at == found_.end() ? nullptr : at->second;
  }
  std::string name(std::string_view key) const { return where_ + std::string(key); }

  Result<std::string> text(std::string_view key) const {
    const Json* value = find(key);
    if (value != nullptr && !value->is_string()) {
      return fail(name(key) + " must be a string, and is " + value->type_name());
    }
    return value == nullptr ? std::string() : value->get<std::string>();
  }
  Result<bool> truth(std::string_view key) const {
    const Json* value = find(key);
    if (value != nullptr && !value->is_boolean()) {
      return fail(name(key) + " must be true or false, and is " + value->type_name());
    }
    return value != nullptr && value->get<bool>();
  }
  Result<std::vector<std::string>> texts(std::string_view key) const {
    std::vector<std::string> out;
    const Json* value = find(key);
    if (value != nullptr && !value->is_array()) {
      return fail(name(key) + " must be a list of strings, and is " + value->type_name());
    }
    for (std::size_t i = 0; value != nullptr && i < value->size(); ++i) {
      const Json& one = (*value)[i];
      if (!one.is_string() && !one.is_null()) {
        return fail(name(key) + " must be a list of strings, and holds " + one.type_name());
      }
      out.push_back(one.is_null() ? std::string() : one.get<std::string>());
    }
    return out;
  }

 private:
  std::string where_;
  std::map<std::string_view, const Json*, std::less<>> found_;
};

// The whole text as JSON; keys that one object has twice become remarks.
Result<Json> parse(std::string_view text, std::vector<std::string>& remarks) {
  if (text.size() > kMaxHookFile) {
    return fail("is longer than " + std::to_string(kMaxHookFile) + " bytes");
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return fail("begins with a byte order mark, which is no JSON");
  }
  std::vector<std::set<std::string>> keys;
  bool too_deep = false;
  const auto note = [&](int depth, Json::parse_event_t event, Json& parsed) {
    too_deep = too_deep || depth > kMaxDepth;
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key && remarks.size() < 16 &&
               !keys.back().insert(lower(parsed.get<std::string>())).second) {
      remarks.push_back(in_quotes(parsed.get<std::string>()) + " is given twice in one object");
    }
    return true;
  };
  try {
    Json json = Json::parse(text, note);
    if (too_deep) {
      return fail("is nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    return json;
  } catch (const Json::exception& e) {
    return fail(std::string("is not JSON: ") + escape(e.what()));
  }
}

Result<> check_pattern(std::string_view where, const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 compiled(pattern, options);
  if (!compiled.ok()) {
    return fail(std::string(where) + " " + in_quotes(pattern) +
                " is no regular expression: " + escape(compiled.error()));
  }
  return {};
}

Result<> read_annotations(const Members& when, std::size_t& count) {
  const Json* annotations = when.find("annotations");
  if (annotations == nullptr) {
    return {};
  }
  if (!annotations->is_object()) {
    return fail("when.annotations must be an object of strings, and is " +
                std::string(annotations->type_name()));
  }
  for (const auto& [key, value] : annotations->items()) {
    if (!value.is_string() && !value.is_null()) {
      return fail("when.annotations holds " + std::string(value.type_name()) + " at " +
                  in_quotes(key) + "; it must be an object of strings");
    }
    for (const auto& pattern : {key, value.is_null() ? std::string() : value.get<std::string>()}) {
      if (auto good = check_pattern("when.annotations:", pattern); !good) {
        return good;
      }
    }
    ++count;
  }
  return {};
}

Result<> read_when(const Json* object, HookDefinition& hook) {
  if (object == nullptr) {
    hook.never = true;
    return {};
  }
  if (!object->is_object()) {
    return fail("when must be an object, and is " + std::string(object->type_name()));
  }
  const Members when(*object, "when.", {"always", "annotations", "commands", "hasBindMounts"},
                     hook.remarks);
  const auto always = when.truth("always");
  const auto mounts = when.truth("hasBindMounts");
  const auto commands = when.texts("commands");
  if (const Error* wrong = first_error(always, mounts, commands); wrong != nullptr) {
    return std::unexpected(*wrong);
  }
  std::size_t annotations = 0;
  if (auto good = read_annotations(when, annotations); !good) {
    return good;
  }
  for (const auto& command : *commands) {
    if (auto good = check_pattern("when.commands:", command); !good) {
      return good;
    }
  }
  const bool conditions =
      annotations != 0 || !commands->empty() || when.find("hasBindMounts") != nullptr;
  hook.always = *always && !conditions;
  hook.never = (when.find("always") != nullptr && !*always) ||
               (when.find("always") == nullptr && !conditions);
  return {};
}

Result<> read_command(const Json* object, HookDefinition& hook) {
  if (object != nullptr && !object->is_object()) {
    return fail("hook must be an object, and is " + std::string(object->type_name()));
  }
  const Json none = Json::object();
  const Members members(object == nullptr ? none : *object, "hook.",
                        {"path", "args", "env", "timeout"}, hook.remarks);
  auto path = members.text("path");
  auto args = members.texts("args");
  const auto env = members.texts("env");
  if (const Error* wrong = first_error(path, args, env); wrong != nullptr) {
    return std::unexpected(*wrong);
  }
  const Json* timeout = members.find("timeout");
  if (timeout != nullptr && !timeout->is_number_integer()) {
    return fail("hook.timeout must be a whole number of seconds");
  }
  if (path->empty()) {
    return fail("hook.path is missing");
  }
  if (!path->starts_with('/')) {
    hook.remarks.push_back("hook.path is not absolute: container runtimes refuse such a hook");
  }
  if (path->find('\0') != std::string::npos) {
    return fail("hook.path holds a NUL");
  }
  if (timeout == nullptr) {
    hook.remarks.emplace_back("hook.timeout is not given: a hook that hangs, hangs the container");
  }
  hook.path = std::move(*path);
  hook.args = std::move(*args);
  return {};
}

Result<> read_stages(const Members& file, HookDefinition& hook) {
  auto stages = file.texts("stages");
  if (!stages) {
    return std::unexpected(std::move(stages.error()));
  }
  if (file.find("stages") == nullptr) {
    return fail("stages is missing");
  }
  for (const auto& stage : *stages) {
    if (std::ranges::find(kStages, stage) == std::end(kStages)) {
      return fail("stages names " + in_quotes(stage) + ", which is no stage");
    }
  }
  if (stages->empty()) {
    hook.remarks.emplace_back("stages is empty: the hook is never called");
  }
  hook.stages = std::move(*stages);
  return {};
}

}  // namespace

Result<HookDefinition> parse_hook(std::string_view text) {
  HookDefinition hook;
  const auto json = parse(text, hook.remarks);
  if (!json) {
    return std::unexpected(json.error());
  }
  if (!json->is_object()) {
    return fail("must be an object, and is " + std::string(json->type_name()));
  }
  const Members file(*json, "", {"version", "hook", "when", "stages"}, hook.remarks);
  const auto version = file.text("version");
  if (!version) {
    return std::unexpected(version.error());
  }
  if (version->empty() || *version == "0.1.0") {
    hook.remarks = {"has no version, or 0.1.0: the runtimes read it by an older schema"};
    hook.old_schema = true;
    return hook;
  }
  if (*version != "1.0.0") {
    return fail("version " + in_quotes(*version) + " is none that the runtimes know (1.0.0)");
  }
  if (auto good = read_command(file.find("hook"), hook); !good) {
    return std::unexpected(good.error());
  }
  if (auto good = read_when(file.find("when"), hook); !good) {
    return std::unexpected(good.error());
  }
  if (auto good = read_stages(file, hook); !good) {
    return std::unexpected(good.error());
  }
  return hook;
}

}  // namespace usher::cri_o
