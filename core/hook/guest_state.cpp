#include "hook/guest_state.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "hook/state.hpp"

namespace usher::hook {
namespace {

using Json = nlohmann::json;

// Takes two members out of nlohmann's stream of tokens; nothing is built for the rest.
class Handler {
 public:
  explicit Handler(GuestState& state) : state_(state) {}

  bool null() { return other(); }
  bool boolean(bool) { return other(); }
  bool number_integer(std::int64_t) { return other(); }  // negative
  bool number_float(double, const std::string&) { return other(); }
  bool binary(Json::binary_t&) { return other(); }

  bool number_unsigned(std::uint64_t value) {
    if (depth_ != 1 || key_ != Key::pid) {
      return other();
    }
    if (state_.pid != 0) {
      return broken("\"pid\" is given twice");
    }
    if (value == 0 || value > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
      return broken("\"pid\" is no process id");
    }
    state_.pid = static_cast<std::int64_t>(value);
    return true;
  }
  bool string(std::string& value) {
    if (depth_ != 1 || key_ != Key::id) {
      return other();
    }
    if (!state_.id.empty()) {
      return broken("\"id\" is given twice");
    }
    if (value.empty() || value.size() > kMaxContainerId) {
      return broken("\"id\" is empty or longer than 255 bytes");
    }
    state_.id = value;
    return true;
  }
  bool start_object(std::size_t) { return (depth_ == 0 || other()) && deeper(); }
  bool start_array(std::size_t) { return other() && deeper(); }
  bool end_object() { return up(); }
  bool end_array() { return up(); }
  bool key(std::string& name) {
    key_ = name == "pid" ? Key::pid : name == "id" ? Key::id : Key::other;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    return broken("it is no JSON at byte " + std::to_string(position));
  }

 private:
  enum class Key : std::uint8_t { other, id, pid };

  bool other() {
    if (depth_ == 0) {
      return broken("it is no object");
    }
    if (depth_ == 1 && key_ != Key::other) {
      return broken(key_ == Key::pid ? "\"pid\" is no process id" : "\"id\" is no string");
    }
    return true;
  }
  bool deeper() { return ++depth_ <= kMaxDepth || broken("it is nested too deep"); }
  bool up() {
    --depth_;
    key_ = Key::other;
    return true;
  }
  bool broken(std::string why) {
    state_.problem = "cannot read the container's state: " + std::move(why);
    return false;
  }

  GuestState& state_;
  Key key_ = Key::other;
  int depth_ = 0;
};

}  // namespace

GuestState parse_guest_state(std::string_view json) {
  GuestState state;
  Handler handler(state);
  if (Json::sax_parse(json, &handler) && (state.pid == 0 || state.id.empty())) {
    state.problem = std::string("the container's state has no ") + (state.pid == 0 ? "pid" : "id");
  }
  return state;
}

}  // namespace usher::hook
