// Edits a TOML text in place, so that a person's comments and layout stay and our own edits can be
// taken back to the byte. Every line of ours ends in "# usher:" and a checksum of what stands
// before it; a line that ours takes the place of stays above it as a comment.
//
// Pure: texts in, texts out. What comes out was parsed again, and differs in the meant keys alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "containerd/install/toml_view.hpp"

namespace usher::containerd {

struct Setting {
  std::string key;
  std::variant<bool, std::string> value;
};

// `setting` in `table`. Where the table is not there it is made, with `beside` in it before.
struct Want {
  KeyPath table;
  Setting setting;
  std::vector<Setting> beside;
};

// Errors name the place and what to write by hand: what is in an inline table, a value over several
// lines, and whatever else an edit of lines cannot reach.
Result<std::string> set_keys(std::string_view text, std::string_view name,
                             const std::vector<Want>& wants);

// A file that holds `version` and `wants` alone, for where there is none. All of it is ours.
std::string new_file(int version, const std::vector<Want>& wants);

struct TakenBack {
  std::string text;
  std::vector<std::string> left;  // lines of ours that somebody has changed since: they stay
};
Result<TakenBack> take_back(std::string_view text, std::string_view name);

}  // namespace usher::containerd
