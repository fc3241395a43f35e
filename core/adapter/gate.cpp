#include "adapter/gate.hpp"

#include <string>

namespace usher::adapter {

Gate::Gate(usher_done done, Load& load, std::size_t bytes)
    : done_(done), load_(load), bytes_(bytes) {
  ++load_.events;
  load_.bytes += bytes_;
}

Gate::~Gate() {
  answer(std::unexpected(stopping_error()));
}

bool Gate::close() {
  if (answered_.exchange(true)) {
    return false;
  }
  --load_.events;
  load_.bytes -= bytes_;
  return true;
}

void Gate::disarm() {
  close();
}

bool Gate::answer(const Result<>& result) {
  if (!close()) {
    return false;
  }
  if (done_.call == nullptr) {
    return true;
  }
  std::string message = result ? std::string() : result.error().message;
  const usher_error error{sizeof error, result ? 0 : result.error().code, message.data(),
                          message.size(), message.size()};
  done_.call(done_.context, done_.ticket, result ? USHER_OK : USHER_FAILED,
             result ? nullptr : &error);
  return true;
}

}  // namespace usher::adapter
