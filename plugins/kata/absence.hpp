// Containers that their runtime says run and that no guest hook let start.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "cri/loop.hpp"

namespace usher::kata {

// [main]
class Absence {
 public:
  // `refused`: there was a claim, and it was not granted.
  using Missing =
      std::function<void(const std::string& sandbox, const std::string& container, bool refused)>;

  // `known_too`: also of those that ran when they were first told.
  Absence(cri::Loop loop, std::chrono::milliseconds after, bool known_too, Missing missing)
      : loop_(loop), after_(after), known_too_(known_too), missing_(std::move(missing)) {}
  Absence(const Absence&) = delete;
  Absence& operator=(const Absence&) = delete;

  void starting(const std::string& sandbox, const std::string& container);
  void judged(const std::string& sandbox, const std::string& container, bool granted);
  void running(const std::string& sandbox, const std::string& container);
  void gone(const std::string& sandbox, const std::string& container);
  void sandbox_gone(const std::string& sandbox) { sandboxes_.erase(sandbox); }
  void stop() { sandboxes_.clear(); }

 private:
  struct Container {
    bool known = false;  // its runtime told of it; else a guest claimed what may be nothing
    bool seen_starting = false;
    bool granted = false;
    bool refused = false;
    bool told = false;
    cri::Registration due;
  };
  // A pod has a few, and each is forgotten when it is gone. What a guest alone names makes room for
  // what a runtime tells of; of that, what is beyond is not watched for.
  static constexpr std::size_t kMaxContainers = 1024;

  Container* of(const std::string& sandbox, const std::string& container);
  Container* told(const std::string& sandbox, const std::string& container);

  cri::Loop loop_;
  std::chrono::milliseconds after_;
  bool known_too_;
  Missing missing_;
  std::map<std::string, std::map<std::string, Container>> sandboxes_;
};

}  // namespace usher::kata
