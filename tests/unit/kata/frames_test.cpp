#include "kata/frames.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

namespace usher::kata {
namespace {

std::vector<std::string> read(FrameReader& reader, std::string_view bytes, std::size_t piece) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    BOOST_REQUIRE(reader.feed(bytes.substr(0, piece), [&](std::string_view message) -> Result<> {
      out.emplace_back(message);
      return {};
    }));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return out;
}

BOOST_AUTO_TEST_SUITE(frames)

BOOST_AUTO_TEST_CASE(come_out_as_they_went_in_whatever_the_pieces) {
  const std::vector<std::string> messages{"a", std::string(kMaxFrame, 'b'), "cc"};
  std::string bytes;
  for (const auto& message : messages) {
    bytes += frame(message);
  }
  for (const std::size_t piece : {1UL, 3UL, 4UL, 5UL, 65'539UL, bytes.size()}) {
    FrameReader reader;
    BOOST_TEST(read(reader, bytes, piece) == messages);
    BOOST_TEST(reader.between_frames());
  }
}

BOOST_AUTO_TEST_CASE(the_length_is_big_endian) {
  BOOST_TEST(frame(std::string(258, 'x')).substr(0, 4) == std::string("\0\0\1\2", 4));
}

BOOST_AUTO_TEST_CASE(a_length_out_of_bounds_is_an_error_before_its_content_came) {
  for (const std::string& header :
       {std::string(4, '\0'), std::string("\0\1\0\1", 4), std::string("\xff\xff\xff\xff", 4)}) {
    FrameReader reader;
    const auto fed = reader.feed(header, [](std::string_view) -> Result<> { return {}; });
    BOOST_REQUIRE(!fed);
    BOOST_TEST(fed.error().code == EPROTO);
  }
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_cut_is_not_the_end_of_one) {
  FrameReader reader;
  BOOST_TEST(read(reader, frame("abc").substr(0, 5), 100).empty());
  BOOST_TEST(!reader.between_frames());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace usher::kata
