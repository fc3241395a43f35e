#include "hook/state.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "base/escape.hpp"

namespace usher::hook {
namespace {

using Json = nlohmann::json;

// Takes what it wants out of nlohmann's stream of tokens; nothing is built for the rest.
class Handler {
 public:
  // `map` receives the object that is at depth `map_depth`: 1 is the document itself, 2 its member
  // "annotations", and then `id` receives the document's "id".
  Handler(StringMap& map, int map_depth, std::string* id)
      : map_(map), map_depth_(map_depth), id_(id) {}

  const std::string& error() const { return error_; }

  bool null() { return scalar("null"); }
  bool boolean(bool) { return scalar("a boolean"); }
  bool number_integer(std::int64_t) { return scalar("a number"); }
  bool number_unsigned(std::uint64_t) { return scalar("a number"); }
  bool number_float(double, const std::string&) { return scalar("a number"); }
  bool binary(Json::binary_t&) { return scalar("binary"); }

  bool string(std::string& value) {
    if (in_map()) {
      return map_.emplace(key_, value).second || broken("\"" + escape(key_) + "\" is given twice");
    }
    if (wants_id()) {
      *id_ = value;
      return true;
    }
    return scalar("a string");
  }

  bool start_object(std::size_t) {
    if (in_map() || wants_id()) {
      return wrong_type("an object");
    }
    if (depth_ == 1 && map_depth_ == 2 && key_ == "annotations") {
      inside_annotations_ = true;
    }
    return deeper();
  }
  bool end_object() {
    if (depth_ == 2) {
      inside_annotations_ = false;
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t) { return scalar("an array") && deeper(); }
  bool end_array() {
    --depth_;
    return true;
  }

  bool key(std::string& name) {
    key_ = name;
    if (depth_ == 1 && map_depth_ == 2) {
      bool* seen = name == "id" ? &seen_id_ : name == "annotations" ? &seen_annotations_ : nullptr;
      if (seen != nullptr && std::exchange(*seen, true)) {
        return broken("\"" + name + "\" is given twice");
      }
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    return broken("it is no JSON at byte " + std::to_string(position));
  }

 private:
  bool in_map() const { return depth_ == map_depth_ && (map_depth_ == 1 || inside_annotations_); }
  bool wants_id() const { return id_ != nullptr && depth_ == 1 && key_ == "id"; }
  bool wants_annotations() const { return map_depth_ == 2 && depth_ == 1 && key_ == "annotations"; }

  // A value that is passed over, unless something else was wanted at this place.
  bool scalar(const char* found) {
    if (depth_ == 0 || in_map() || wants_id() || wants_annotations()) {
      return wrong_type(found);
    }
    return true;
  }
  bool wrong_type(const char* found) {
    if (depth_ == 0) {
      return broken(std::string("it is ") + found + " where an object was expected");
    }
    return broken("\"" + escape(key_) + "\" is " + found + " where " +
                  (wants_annotations() ? "an object" : "a string") + " was expected");
  }
  bool deeper() { return ++depth_ <= kMaxDepth || broken("it is nested too deep"); }
  bool broken(std::string why) {
    error_ = std::move(why);
    return false;
  }

  StringMap& map_;
  int map_depth_;
  std::string* id_;
  int depth_ = 0;
  bool inside_annotations_ = false;
  bool seen_id_ = false;
  bool seen_annotations_ = false;
  std::string key_;
  std::string error_;
};

Result<> read(std::string_view json, Handler handler) {
  if (!Json::sax_parse(json, &handler)) {
    return fail("cannot read the container's state: " + handler.error());
  }
  return {};
}

}  // namespace

Result<State> parse_state(std::string_view json) {
  State state;
  if (auto done = read(json, Handler(state.annotations, 2, &state.id)); !done) {
    return std::unexpected(std::move(done).error());
  }
  return state;
}

Result<StringMap> parse_string_map(std::string_view json) {
  StringMap map;
  if (auto done = read(json, Handler(map, 1, nullptr)); !done) {
    return std::unexpected(std::move(done).error());
  }
  return map;
}

}  // namespace usher::hook
