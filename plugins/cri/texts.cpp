#include "cri/texts.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "base/escape.hpp"

namespace usher::cri {
namespace {

// The labels that the kubelet adds to a pod's own, of what the metadata says already; and one of
// containerd, which NRI tells over an author's of that name and CRI does not.
constexpr std::string_view kAdded[] = {"io.kubernetes.pod.name", "io.kubernetes.pod.namespace",
                                       "io.kubernetes.pod.uid", "io.cri-containerd.kind"};

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80           ? 1
                               : (lead >> 5) == 0x6  ? 2
                               : (lead >> 4) == 0xe  ? 3
                               : (lead >> 3) == 0x1e ? 4
                                                     : 0;
    if (length == 0 || i + length > text.size()) {
      return false;
    }
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) {
        return false;
      }
      point = point << 6 | (next & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
      return false;
    }
    i += length;
  }
  return true;
}

}  // namespace

bool is_text(std::string_view text) {
  return is_utf8(text) && text.find('\0') == std::string_view::npos;
}

std::string shown(std::string_view value) {
  constexpr std::size_t kShown = 80;
  return "\"" + escape(value.substr(0, kShown)) + (value.size() > kShown ? "…\"" : "\"");
}

Result<std::string> checked_name(std::string_view what, const std::string& value, std::size_t limit,
                                 bool required) {
  const bool plain = std::ranges::all_of(
      value, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '\\' && c != '"'; });
  if (value.size() > limit || !plain || (required && value.empty())) {
    return fail(std::string(what) + " is " + shown(value) + ", which is not a name (1 to " +
                std::to_string(limit) + " plain characters)");
  }
  return value;
}

Result<> LabelReader::add(const std::string& key, const std::string& value) {
  bytes_ += key.size() + value.size();
  if (bytes_ > kMaxLabelBytes) {
    return fail("its labels are longer than " + std::to_string(kMaxLabelBytes) + " bytes");
  }
  for (const auto* text : {&key, &value}) {
    if (!is_text(*text)) {
      return fail("label " + shown(key) + " holds bytes that are no text: " + shown(*text));
    }
  }
  if (key.empty()) {
    return fail("it has a label without a key");
  }
  if (std::ranges::find(kAdded, key) == std::end(kAdded) && !labels_.emplace(key, value).second) {
    return fail("label " + shown(key) + " is there twice");
  }
  return {};
}

}  // namespace usher::cri
