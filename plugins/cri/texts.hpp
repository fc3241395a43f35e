// Texts of pods and containers as a runtime gives them, over whatever protocol: their limits, and
// what is taken. Pure: the bytes are the runtime's, but much in them is a pod author's.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace usher::cri {

using Labels = std::map<std::string, std::string, std::less<>>;

// Limits of one record; beyond them it is an error.
inline constexpr std::size_t kMaxName = 253;  // Kubernetes' longest kind of name
inline constexpr std::size_t kMaxId = 128;
inline constexpr std::size_t kMaxImage = 4096;
inline constexpr std::size_t kMaxLabelBytes = 128U << 10;  // keys and values of one pod

// UTF-8 without a zero byte.
bool is_text(std::string_view text);

// For people: quoted, escaped, cut.
std::string shown(std::string_view value);

// A name of Kubernetes or an id of a runtime: no space, control, '/' or what a shell would mind.
Result<std::string> checked_name(std::string_view what, const std::string& value, std::size_t limit,
                                 bool required);

// Takes a pod's labels one by one. What the kubelet adds to them of the pod's own name is left out,
// whatever it says: the record's metadata says it. So is containerd's own note of a sandbox.
class LabelReader {
 public:
  // Errors: too many bytes, no text, no key, twice.
  Result<> add(const std::string& key, const std::string& value);
  Labels take() { return std::move(labels_); }

 private:
  Labels labels_;
  std::size_t bytes_ = 0;
};

// `entries`: repeated messages with key() and value().
template <class Entries>
Result<Labels> read_labels(const Entries& entries) {
  LabelReader reader;
  for (const auto& entry : entries) {
    if (auto added = reader.add(entry.key(), entry.value()); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  return reader.take();
}

}  // namespace usher::cri
