#include "cri-o/hook_json.hpp"

#include <nlohmann/json.hpp>

#include "install/hook_object.hpp"

namespace usher::cri_o {
namespace {

std::string json_for(const HookOptions& options, const std::string& program, const char* stage) {
  nlohmann::ordered_json file;
  file["version"] = "1.0.0";
  file["hook"] = install::hook_object(options, program, stage);
  file["when"]["always"] = true;
  file["stages"] = nlohmann::ordered_json::array({stage});
  return file.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::vector<std::string> hook_file_names(const std::string& runtime) {
  return {"usher-" + runtime + "-gate.json", "usher-" + runtime + "-end.json"};
}

std::vector<HookFile> hook_files(const HookOptions& options, const std::string& program) {
  const auto names = hook_file_names(options.runtime);
  return {{names[0], json_for(options, program, "createRuntime")},
          {names[1], json_for(options, program, "poststop")}};
}

}  // namespace usher::cri_o
