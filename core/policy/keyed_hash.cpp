#include "policy/keyed_hash.hpp"

#include <algorithm>
#include <cstddef>

#include "usher_hash.h"

namespace usher::policy {

std::uint64_t hash_name(const usher_key& key, std::string_view name) {
  usher_lanes lanes{};
  usher_hash_begin(&key, &lanes);
  for (std::size_t at = 0; at < name.size(); at += 8) {
    std::uint64_t word = 0;
    const std::size_t end = std::min(name.size(), at + 8);
    for (std::size_t i = at; i < end; ++i) {
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(name[i])) << (8 * (i - at));
    }
    usher_hash_word(&key, &lanes, word);
  }
  return usher_hash_end(&key, &lanes, static_cast<std::uint32_t>(name.size()));
}

std::string_view take_component(std::string_view& path) {
  while (!path.empty() && path.front() == '/') {
    path.remove_prefix(1);
  }
  const std::string_view component = path.substr(0, path.find('/'));
  path.remove_prefix(component.size());
  return component;
}

std::uint64_t fold_path(const usher_key& key, std::uint64_t root, std::string_view path) {
  std::uint64_t fold = root;
  for (auto name = take_component(path); !name.empty(); name = take_component(path)) {
    fold = usher_fold(&key, fold, hash_name(key, name));
  }
  return fold;
}

}  // namespace usher::policy
