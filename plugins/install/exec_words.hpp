// The form in which exec takes its arguments and environment.
#pragma once

#include <string>
#include <vector>

namespace usher::install {

// Pointers into `texts`, which must outlive them unchanged, and a null at the end.
inline std::vector<char*> exec_words(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) {
    out.push_back(text.data());
  }
  out.push_back(nullptr);
  return out;
}

}  // namespace usher::install
