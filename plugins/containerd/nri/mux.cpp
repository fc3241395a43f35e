#include "containerd/nri/mux.hpp"

#include <algorithm>

#include "containerd/nri/big_endian.hpp"

namespace usher::nri {

std::vector<std::string> mux_frames(std::uint32_t connection, std::string_view message) {
  constexpr std::size_t kPayload = kMaxFrame - kMuxHeader;
  std::vector<std::string> frames;
  for (; !message.empty(); message.remove_prefix(std::min(kPayload, message.size()))) {
    const auto part = message.substr(0, kPayload);
    auto& frame = frames.emplace_back();
    append_u32(frame, connection);
    append_u32(frame, static_cast<std::uint32_t>(part.size()));
    frame += part;
  }
  return frames;
}

Result<> MuxReader::feed(std::string_view bytes, const Part& part) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      const auto n = std::min(kMuxHeader - have_, bytes.size());
      std::copy_n(bytes.data(), n, header_.data() + have_);
      bytes.remove_prefix(n);
      have_ += n;
      if (have_ < kMuxHeader) {
        return {};
      }
      have_ = 0;
      connection_ = read_u32(header_.data());
      left_ = read_u32(header_.data() + 4);
      if (left_ > kMaxInbound) {
        return fail("the runtime announces a frame of " + std::to_string(left_) + " bytes; " +
                        std::to_string(kMaxInbound) + " are taken at most",
                    EMSGSIZE);
      }
      continue;
    }
    const auto n = std::min(left_, bytes.size());
    const auto mine = bytes.substr(0, n);
    bytes.remove_prefix(n);
    left_ -= n;
    if (auto taken = part(connection_, mine); !taken) {
      return taken;
    }
  }
  return {};
}

}  // namespace usher::nri
