// CRI-O's own records, joined with what a hook's state says of a container.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cri/lister.hpp"
#include "usher/plugin.hpp"

namespace usher::cri_o {

inline constexpr std::string_view kSocketSetting = "cri.socket";
inline constexpr std::string_view kDeadlineSetting = "cri.deadline_ms";

// [main]
class PodRecords {
 public:
  // Hears how the records stand, each time that changes: a USHER_HEALTHY… and a sentence.
  using Tell = std::function<void(std::uint32_t health, const std::string& sentence)>;

  // Throws plugin::Failure for a setting that cannot be.
  PodRecords(plugin::Host host, const plugin::Settings& settings, Tell tell);
  // Throws as the constructor does.
  static void check(const plugin::Settings& settings);
  // Lists and publishes what runs, now and whenever CRI-O has come back.
  void start();
  // `who` as its keys say, joined with the record of its sandbox. A disagreement is refused. When
  // CRI-O does not answer in time, the keys alone: labels are not known then.
  void answer(plugin::Identity who, plugin::Answer answer);
  void stop(plugin::Done stopped);

 private:
  struct Asking;
  cri::Detached ask(plugin::Identity who, plugin::Answer answer);
  void health(std::uint32_t health, const std::string& reason);
  void end_if_idle();

  plugin::Host host_;
  Tell tell_;
  bool installed_;  // CRI-O is here, or its socket was named
  std::unique_ptr<cri::Lister> lister_;
  std::size_t asking_ = 0;
  std::unique_ptr<plugin::Done> stopped_;
  bool lister_ended_ = false;
};

}  // namespace usher::cri_o
