// Says that something in a directory changed, once for a burst of changes.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "base/error.hpp"

namespace usher::agent {

// Files written and closed, links and renames (a ConfigMap's ..data swap), removals. A directory
// that goes away or is not there yet is looked for again. On the loop.
class DirectoryWatch {
 public:
  DirectoryWatch(asio::io_context& loop, std::filesystem::path directory,
                 std::chrono::milliseconds settle, std::function<void()> changed);
  // An error when inotify cannot be had; a missing directory is none.
  Result<> start();
  void stop();

 private:
  bool watch();  // false: the directory is not there
  void wait();
  void drain();
  void changed_soon(std::chrono::milliseconds delay);
  void fired();

  std::filesystem::path directory_;
  std::chrono::milliseconds settle_;
  std::function<void()> changed_;
  asio::posix::stream_descriptor inotify_;
  asio::steady_timer timer_;
  int descriptor_ = -1;  // of the watch
  bool pending_ = false;
};

}  // namespace usher::agent
