// The policies in force. A file with errors does not take its policy away: the last good version of
// that file stays, is shown as such, and is kept on disk so that a start can use it too.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "policy/load.hpp"
#include "policy/policy.hpp"

namespace usher::agent {

class PolicyStore {
 public:
  struct Options {
    std::filesystem::path directory;
    std::filesystem::path saved;  // the file that keeps the last good set
    bool allow_empty = false;
    // Where policies do not come from a directory: their texts by file name, or why there are none
    // (then what was in force stays).
    std::function<Result<std::map<std::string, std::string>>()> texts = {};
  };
  // Can this node carry the policy out? Asked once for each new version.
  using Admit = std::function<Result<>(const policy::Policy&)>;

  enum class State : std::uint8_t { current, last_good, refused };
  struct Item {
    std::string file;                              // its name in the directory
    std::shared_ptr<const policy::Policy> policy;  // null: no version of the file is in force
    State state = State::current;
    std::string error;
  };

  PolicyStore(Options options, Admit admit);

  // Reads the set that an earlier agent kept; call load() after it. What of it cannot be used is
  // told in restore_problems().
  void restore();
  // Reads the directory, or the texts. Policies whose file did not change stay the same objects.
  void load();
  // Keeps what is in force for the next start. Slow (fsync): not while somebody waits.
  Result<> save();

  const policy::PolicySet& set() const { return set_; }  // by name
  const std::vector<Item>& items() const { return items_; }
  bool current() const { return errors_.empty(); }
  const std::vector<std::string>& errors() const { return errors_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& restore_problems() const { return restore_problems_; }

 private:
  using Policies = std::map<std::string, std::shared_ptr<const policy::Policy>>;  // by file
  struct Found;
  Found read_directory() const;
  Found read_texts() const;
  static Found sorted(policy::LoadResult loaded);
  void keep_all(const std::string& error);
  void take(const std::string& file, Found& found);
  void publish();

  Options options_;
  Admit admit_;
  Policies good_;
  policy::PolicySet set_;
  std::vector<Item> items_;
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  std::vector<std::string> restore_problems_;
  std::string saved_text_;
};

}  // namespace usher::agent
