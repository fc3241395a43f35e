#include "hook/input.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>

#include "base/fd.hpp"

using namespace usher::hook;
using std::chrono::milliseconds;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> raw{};
    BOOST_REQUIRE(::pipe2(raw.data(), O_CLOEXEC) == 0);
    reader = usher::Fd(raw[0]);
    writer = usher::Fd(raw[1]);
  }
  usher::Fd reader;
  usher::Fd writer;
};

// What read_state_bytes makes of `size` bytes, and whether all of them could be written to it.
std::pair<usher::Result<std::string>, bool> fed(std::size_t size) {
  Pipe pipe;
  bool all_taken = false;
  std::jthread writer([&] {
    const std::string bytes(size, 's');
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n = ::write(pipe.writer.get(), bytes.data() + done, size - done);
      if (n <= 0) {
        break;
      }
      done += static_cast<std::size_t>(n);
    }
    all_taken = done == size;
    pipe.writer.reset();
  });
  auto state = read_state_bytes(pipe.reader.get(), Deadline(milliseconds(60000)));
  writer.join();
  return {std::move(state), all_taken};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_whole_input_is_read) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16384},
                                 std::size_t{16385}, std::size_t{1000000}, kMaxState}) {
    const auto [state, all_taken] = fed(size);
    BOOST_REQUIRE(state.has_value());
    BOOST_TEST((*state == std::string(size, 's')));
    BOOST_TEST(all_taken);
  }
}

BOOST_AUTO_TEST_CASE(input_beyond_the_limit_is_drained_and_then_an_error) {
  for (const std::size_t size : {kMaxState + 1, kMaxState * 3}) {
    const auto [state, all_taken] = fed(size);
    BOOST_REQUIRE(!state.has_value());
    BOOST_TEST(state.error().message.find("4194304") != std::string::npos);
    BOOST_TEST(all_taken);
  }
}

BOOST_AUTO_TEST_CASE(input_that_does_not_end_meets_the_deadline) {
  const Pipe pipe;
  const auto state = read_state_bytes(pipe.reader.get(), Deadline(milliseconds(20)));
  BOOST_REQUIRE(!state.has_value());
  BOOST_TEST(state.error().message.find("20 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_closed_standard_input_is_an_error) {
  Pipe pipe;
  const int number = pipe.reader.get();
  pipe.reader.reset();
  BOOST_TEST(!read_state_bytes(number, Deadline(milliseconds(1000))).has_value());
}
