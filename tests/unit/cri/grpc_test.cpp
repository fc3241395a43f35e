#include "cri/grpc.hpp"

#include <boost/test/unit_test.hpp>

namespace usher::cri {

BOOST_AUTO_TEST_SUITE(cri_framing)

BOOST_AUTO_TEST_CASE(an_answer_is_one_whole_uncompressed_message) {
  const auto answer = [](const std::string& body, const std::string& status = "0") {
    Answer a;
    a.header(":status", "200");
    a.data(body, 100);
    a.header("grpc-status", status);
    return a.result(0);
  };
  BOOST_TEST(answer(frame_message("hi")).value() == "hi");
  BOOST_TEST(answer(frame_message("")).value().empty());
  BOOST_TEST(!answer(frame_message("hi") + "x").has_value());
  BOOST_TEST(!answer("\0\0\0").has_value());
  auto compressed = frame_message("hi");
  compressed[0] = 1;
  BOOST_TEST(!answer(compressed).has_value());
  BOOST_TEST(answer(frame_message(std::string(101, 'x'))).error().code == EMSGSIZE);
  BOOST_TEST(answer("", "5").error().code == ENOENT);
  BOOST_TEST(!answer("", "").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::cri
