#include "containerd/nri/ttrpc.hpp"

#include <algorithm>

#include "base/escape.hpp"
#include "containerd/nri/big_endian.hpp"
#include "nri/nri.pb.h"

namespace usher::nri {
namespace {

constexpr std::size_t kShownMessage = 1024;

template <class Message>
Result<Message> parse(std::string_view data, const char* what) {
  Message message;
  if (!message.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return fail(std::string("what the runtime sent is no ttrpc ") + what, EPROTO);
  }
  return message;
}

}  // namespace

std::string ttrpc_message(const Frame& frame) {
  std::string out;
  out.reserve(kTtrpcHeader + frame.data.size());
  append_u32(out, static_cast<std::uint32_t>(frame.data.size()));
  append_u32(out, frame.stream);
  out += static_cast<char>(frame.type);
  out += static_cast<char>(frame.flags);
  out += frame.data;
  return out;
}

Result<> TtrpcReader::feed(std::string_view bytes, std::vector<Frame>& out) {
  while (!bytes.empty()) {
    if (buffer_.size() < kTtrpcHeader) {
      const auto n = std::min(kTtrpcHeader - buffer_.size(), bytes.size());
      buffer_ += bytes.substr(0, n);
      bytes.remove_prefix(n);
      if (buffer_.size() < kTtrpcHeader) {
        return {};
      }
    }
    const std::size_t length = read_u32(buffer_.data());
    if (length > kMaxMessage) {
      return fail("the runtime announces a message of " + std::to_string(length) + " bytes; " +
                      std::to_string(kMaxMessage) + " are taken at most",
                  EMSGSIZE);
    }
    const auto n = std::min(kTtrpcHeader + length - buffer_.size(), bytes.size());
    buffer_ += bytes.substr(0, n);
    bytes.remove_prefix(n);
    if (buffer_.size() == kTtrpcHeader + length) {
      out.push_back({read_u32(buffer_.data() + 4), static_cast<std::uint8_t>(buffer_[8]),
                     static_cast<std::uint8_t>(buffer_[9]), buffer_.substr(kTtrpcHeader)});
      buffer_ = {};  // one large message does not keep its memory
    }
  }
  return {};
}

Result<Request> read_request(std::string_view data) {
  auto from = parse<v1::Request>(data, "request");
  if (!from) {
    return std::unexpected(std::move(from.error()));
  }
  return Request{std::move(*from->mutable_service()), std::move(*from->mutable_method()),
                 std::move(*from->mutable_payload()),
                 std::chrono::nanoseconds(std::max<std::int64_t>(from->timeout_nano(), 0))};
}

std::string write_request(const Request& request) {
  v1::Request to;
  to.set_service(request.service);
  to.set_method(request.method);
  to.set_payload(request.payload);
  to.set_timeout_nano(request.timeout.count());
  return to.SerializeAsString();
}

Result<std::string> read_response(std::string_view data) {
  auto from = parse<v1::Response>(data, "response");
  if (!from) {
    return std::unexpected(std::move(from.error()));
  }
  if (from->status().code() != 0) {
    return fail("the runtime answers with status " + std::to_string(from->status().code()) + ": " +
                    escape(from->status().message().substr(0, kShownMessage)),
                EPROTO);
  }
  return std::move(*from->mutable_payload());
}

std::string write_response(std::string_view payload) {
  v1::Response to;
  to.set_payload(std::string(payload));
  return to.SerializeAsString();
}

std::string write_status(const Status& status) {
  v1::Response to;
  to.mutable_status()->set_code(static_cast<std::int32_t>(status.code));
  to.mutable_status()->set_message(status.message.substr(0, kShownMessage));
  return to.SerializeAsString();
}

}  // namespace usher::nri
