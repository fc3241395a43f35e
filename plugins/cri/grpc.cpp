#include "cri/grpc.hpp"

#include <nghttp2/nghttp2.h>

#include <charconv>
#include <utility>

#include "base/escape.hpp"

namespace usher::cri {
namespace {

constexpr std::size_t kPrefix = 5;  // a flag and the length, big-endian
constexpr std::size_t kMaxHeader = 1024;

// Status codes of gRPC that callers tell apart, as errnos.
int code_of(std::string_view status) {
  return status == "1"    ? ECANCELED
         : status == "4"  ? ETIMEDOUT
         : status == "5"  ? ENOENT
         : status == "8"  ? EMSGSIZE
         : status == "12" ? ENOSYS
         : status == "14" ? ECONNREFUSED
                          : EPROTO;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string frame_message(std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string out(1, '\0');
  for (const int shift : {24, 16, 8, 0}) {
    out += static_cast<char>((size >> shift) & 0xff);
  }
  return out.append(message);
}

void Answer::header(std::string_view name, std::string_view value) {
  std::string* to = name == ":status"        ? &http_status_
                    : name == "grpc-status"  ? &grpc_status_
                    : name == "grpc-message" ? &grpc_message_
                                             : nullptr;
  if (to != nullptr) {
    *to = value.substr(0, kMaxHeader);
  }
}

void Answer::data(std::string_view part, std::size_t max_message) {
  max_message_ = max_message;
  too_long_ = too_long_ || part.size() > max_message + kPrefix - body_.size();
  if (too_long_) {
    body_.clear();
  } else {
    body_.append(part);
  }
}

Result<std::string> Answer::result(std::uint32_t http2_error) {
  if (!http_status_.empty() && http_status_ != "200") {
    return fail("what listens there is no gRPC server (HTTP status " + escape(http_status_) + ")",
                EPROTO);
  }
  if (too_long_) {
    return fail("the runtime's answer is longer than " + std::to_string(max_message_) + " bytes",
                EMSGSIZE);
  }
  if (grpc_status_.empty()) {
    return fail(std::string("the runtime ended the call without a status (") +
                    nghttp2_http2_strerror(http2_error) + ")",
                ECONNRESET);
  }
  if (grpc_status_ != "0") {
    return fail("the runtime says: " + escape(percent_decoded(grpc_message_)) + " (status " +
                    escape(grpc_status_) + ")",
                code_of(grpc_status_));
  }
  if (body_.size() < kPrefix || body_[0] != '\0') {
    return fail("the runtime's answer is compressed or cut", EPROTO);
  }
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) {
    length = length << 8 | static_cast<unsigned char>(body_[i]);
  }
  if (length != body_.size() - kPrefix) {
    return fail("the runtime's answer is not one message", EPROTO);
  }
  return body_.substr(kPrefix);
}

}  // namespace usher::cri
