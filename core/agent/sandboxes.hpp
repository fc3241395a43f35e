// What the runtimes' adapters said of pods' sandboxes: the record that a container's identity is
// joined with. Bounded; a pure container.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "identity/identity.hpp"

namespace usher::agent {

class Sandboxes {
 public:
  struct Limits {
    std::size_t per_adapter = 4096;
    std::size_t record_bytes = 256U << 10;  // of one record's texts, labels with it
  };
  Sandboxes() = default;
  explicit Sandboxes(Limits limits) : limits_(limits) {}

  // Keeps a record under its sandbox id (the container id where it has none), or confirms the one
  // that is kept. Errors: no id, another adapter's, too large, no room, or it says other things
  // than the one that is kept (who a pod is does not change); the first stays then.
  Result<> keep(std::string_view adapter, std::string_view runtime, identity::Identity record);
  void drop(std::string_view adapter, std::string_view runtime, std::string_view id);
  // A runtime's list begins: what this adapter said of it before must be said again until sweep.
  void begin_list(std::string_view adapter, std::string_view runtime);
  // A runtime's list is complete: forgets what this adapter did not say of it since the list began,
  // or since the one before where nobody said that it began, and begins the next. How many.
  std::size_t sweep(std::string_view adapter, std::string_view runtime);

  // Null where no adapter said it.
  const identity::Identity* find(std::string_view runtime, std::string_view id) const;
  // For who knows a sandbox by its id alone: its record and whose it is; of several runtimes that
  // say the same the first by name. Looks at all records. Errors: EAGAIN, no adapter has said it
  // (yet); two say other things.
  struct Told {
    std::string runtime;
    const identity::Identity* identity;
  };
  Result<Told> told(std::string_view id) const;
  // The runtimes under which a pod of that uid has a sandbox. Looks at all records.
  std::set<std::string> runtimes_of_pod(std::string_view pod_uid) const;
  // Fills in what `who` lacks (pod, handler, labels) from the record of its sandbox, with the
  // record's source. Without such a record `who` stays as it is. What both say must be equal.
  Result<> join(std::string_view runtime, identity::Identity& who) const;

  std::size_t size() const { return records_.size(); }
  std::size_t size_of(std::string_view adapter) const;

 private:
  struct Record {
    identity::Identity identity;
    std::string adapter;
    bool seen = true;  // since its runtime's list began
  };
  using Key = std::pair<std::string, std::string>;  // runtime, sandbox id
  const Record* at(std::string_view runtime, std::string_view id) const;

  Limits limits_;
  std::map<Key, Record> records_;
  std::map<std::string, std::size_t, std::less<>> counts_;
};

}  // namespace usher::agent
