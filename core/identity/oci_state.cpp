#include "identity/oci_state.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/escape.hpp"

namespace usher::identity {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxId = 1024;
constexpr std::int64_t kMaxPid = 1 << 22;  // PID_MAX_LIMIT of the kernel

using Json = nlohmann::json;

// Takes the members that are wanted as the parser meets them; builds no tree, so that hostile input
// costs no more memory than its own size.
class StateReader final : public nlohmann::json_sax<Json> {
 public:
  bool null() override {
    return at_value("null", [this](const std::string& key) {
      return key == "annotations" ? true : wrong_type(key, "null");
    });
  }
  bool boolean(bool) override { return scalar("a boolean"); }
  bool number_float(double, const std::string&) override { return scalar("a fraction"); }
  bool binary(Json::binary_t&) override { return scalar("binary"); }

  bool number_integer(std::int64_t value) override {
    return at_value("a number", [&](const std::string& key) {
      if (key != "pid") {
        return wrong_type(key, "a number");
      }
      return refuse("\"pid\" is " + std::to_string(value) + ": a pid cannot be negative");
    });
  }

  bool number_unsigned(std::uint64_t value) override {
    return at_value("a number", [&](const std::string& key) {
      if (key != "pid") {
        return wrong_type(key, "a number");
      }
      if (value > static_cast<std::uint64_t>(kMaxPid)) {
        return refuse("\"pid\" is " + std::to_string(value) + ": no pid is above " +
                      std::to_string(kMaxPid));
      }
      state_.pid = static_cast<int>(value);
      return true;
    });
  }

  bool string(std::string& value) override {
    if (depth_ == 2 && in_annotations_) {
      if (!state_.annotations.emplace(key_, std::move(value)).second) {
        return refuse("annotation \"" + escape(key_) + "\" is there twice");
      }
      return true;
    }
    return at_value("a string", [&](const std::string& key) {
      if (std::string* member = text(key); member != nullptr) {
        *member = std::move(value);
        return true;
      }
      return wrong_type(key, "a string");
    });
  }

  bool start_object(std::size_t) override {
    if (depth_ == 1 && key_ == "annotations") {
      in_annotations_ = true;
      return descend();
    }
    return nested("an object");
  }
  bool start_array(std::size_t) override {
    return depth_ == 0 ? refuse("it is an array, an object is needed") : nested("an array");
  }
  bool end_object() override { return ascend(); }
  bool end_array() override { return ascend(); }

  bool key(std::string& name) override {
    key_ = std::move(name);
    if (depth_ == 1 && is_read(key_) && !seen_.insert(key_).second) {
      return refuse("\"" + key_ + "\" is there twice");
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return refuse("it is not JSON (byte " + std::to_string(position) + ")");
  }

  Result<OciState> take() && {
    if (!error_.empty()) {
      return fail(error_);
    }
    for (const char* name : {"id", "status", "bundle"}) {
      if (!seen_.contains(name)) {
        return fail("\"" + std::string(name) + "\" is missing");
      }
    }
    return std::move(state_);
  }

 private:
  static bool is_read(const std::string& key) {
    return key == "ociVersion" || key == "id" || key == "status" || key == "pid" ||
           key == "bundle" || key == "root" || key == "annotations";
  }

  std::string* text(const std::string& key) {
    if (key == "ociVersion") {
      return &state_.oci_version;
    }
    if (key == "id") {
      return &state_.id;
    }
    if (key == "status") {
      return &state_.status;
    }
    if (key == "bundle") {
      return &state_.bundle;
    }
    return key == "root" ? &state_.root : nullptr;
  }

  bool refuse(std::string why) {
    if (error_.empty()) {
      error_ = std::move(why);
    }
    return false;
  }

  bool wrong_type(const std::string& key, std::string_view got) {
    const std::string expected = key == "annotations" ? "an object of strings"
                                 : key == "pid"       ? "a whole number"
                                                      : "a string";
    return refuse("\"" + key + "\" must be " + expected + ", not " + std::string(got));
  }

  // A value at the place where the parser is: `take` is asked only for a member that is read.
  template <class Take>
  bool at_value(std::string_view what, Take take) {
    if (depth_ == 0) {
      return refuse("it is " + std::string(what) + ", an object is needed");
    }
    if (depth_ == 2 && in_annotations_) {
      return refuse("annotation \"" + escape(key_) + "\" must be a string, not " +
                    std::string(what));
    }
    return depth_ == 1 && is_read(key_) ? take(key_) : true;
  }

  bool scalar(std::string_view what) {
    return at_value(what, [&](const std::string& key) { return wrong_type(key, what); });
  }

  bool nested(std::string_view what) {
    if (depth_ == 0) {
      return descend();
    }
    return at_value(what, [&](const std::string& key) { return wrong_type(key, what); }) &&
           descend();
  }

  bool descend() {
    ++depth_;
    return depth_ <= kMaxDepth || refuse("it is nested deeper than " + std::to_string(kMaxDepth));
  }

  bool ascend() {
    --depth_;
    if (depth_ == 1) {
      in_annotations_ = false;
    }
    return true;
  }

  OciState state_;
  std::string key_;
  std::set<std::string> seen_;
  std::string error_;
  std::size_t depth_ = 0;
  bool in_annotations_ = false;
};

Result<> check_values(const OciState& state) {
  if (state.id.empty() || state.id.size() > kMaxId || state.id == "." || state.id == ".." ||
      state.id.find('/') != std::string::npos || state.id.find('\0') != std::string::npos) {
    return fail("\"id\" must be a name of 1 to " + std::to_string(kMaxId) +
                " bytes without '/', not \"" + escape(state.id.substr(0, 80)) + "\"");
  }
  if (state.status.empty()) {
    return fail("\"status\" must not be empty");
  }
  if (!state.bundle.starts_with('/') || state.bundle.find('\0') != std::string::npos) {
    return fail("\"bundle\" must be an absolute path, not \"" + escape(state.bundle) + "\"");
  }
  if (state.root.find('\0') != std::string::npos) {
    return fail("\"root\" must be a path, not \"" + escape(state.root) + "\"");
  }
  return {};
}

}  // namespace

Result<OciState> parse_oci_state(std::string_view json) {
  constexpr std::string_view kWhat = "cannot read the container's OCI state";
  if (json.size() > kMaxStateSize) {
    return fail_in(kWhat, {"it is larger than " + std::to_string(kMaxStateSize) + " bytes", 0});
  }
  StateReader reader;
  Json::sax_parse(json.begin(), json.end(), &reader);
  auto state = std::move(reader).take();
  if (!state) {
    return fail_in(kWhat, std::move(state.error()));
  }
  if (auto good = check_values(*state); !good) {
    return fail_in(kWhat, std::move(good.error()));
  }
  return state;
}

}  // namespace usher::identity
