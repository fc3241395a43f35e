// Recorded sessions with real runtimes, whole, in pieces, cut short and spoiled.
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "containerd/nri/big_endian.hpp"
#include "sessions.hpp"

namespace usher::nri::test {
namespace {

const std::vector<std::string> kNames = {"containerd-1.7.24", "containerd-1.7.24-large",
                                         "containerd-2.1.9", "containerd-2.1.9-large"};
const std::vector<std::string> kEvents = {
    "Synchronize",   "StateChange:1",    "CreateContainer:4", "StateChange:5",  "StateChange:6",
    "StateChange:7", "StopContainer:10", "StateChange:2",     "StateChange:11", "StateChange:3"};

std::string from_runtime(const std::string& name) {
  return session_bytes(name + ".runtime-to-plugin");
}

std::string version_of(const std::string& name) {
  return name.starts_with("containerd-1") ? "1.7.24~ds1" : "2.1.9+unknown";
}

void check_whole(Replay& replay, const std::string& name) {
  auto told = replay.told();
  BOOST_REQUIRE(!told.empty());
  BOOST_TEST(told.front() == "Configure containerd " + version_of(name));
  told.erase(told.begin());
  BOOST_TEST(told == kEvents, boost::test_tools::per_element());
  BOOST_TEST(replay.frames[kRuntimeConnection].size() == 1U);
  BOOST_TEST(replay.mux.between_frames());
  BOOST_TEST(replay.connections[kPluginConnection].between_frames());
}

// Where each frame of the multiplexer begins.
std::vector<std::size_t> frame_starts(const std::string& bytes) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at + kMuxHeader <= bytes.size();
       at += kMuxHeader + read_u32(bytes.data() + at + 4)) {
    starts.push_back(at);
  }
  return starts;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nri_replay)

BOOST_AUTO_TEST_CASE(a_recorded_session_is_understood_whole_and_byte_by_byte) {
  for (const auto& name : kNames) {
    const auto bytes = from_runtime(name);
    Replay whole;
    BOOST_TEST(whole.feed(bytes).has_value());
    check_whole(whole, name);
    Replay bytewise;
    for (const char byte : bytes) {
      BOOST_REQUIRE(bytewise.feed({&byte, 1}).has_value());
    }
    check_whole(bytewise, name);
  }
}

BOOST_AUTO_TEST_CASE(a_session_in_two_pieces_is_the_same_wherever_it_is_cut) {
  for (const auto& name : {kNames[0], kNames[2]}) {
    const auto bytes = from_runtime(name);
    Replay whole;
    BOOST_REQUIRE(whole.feed(bytes).has_value());
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      Replay replay;
      BOOST_REQUIRE(replay.feed(std::string_view(bytes).substr(0, cut)).has_value());
      BOOST_REQUIRE(replay.feed(std::string_view(bytes).substr(cut)).has_value());
      const auto& frames = replay.frames[kPluginConnection];
      BOOST_REQUIRE(frames.size() == whole.frames[kPluginConnection].size());
      for (std::size_t i = 0; i < frames.size(); ++i) {
        BOOST_REQUIRE(frames[i].data == whole.frames[kPluginConnection][i].data);
      }
    }
  }
}

// A runtime may cut a message into multiplexer frames anywhere: every size of frame, from one byte.
BOOST_AUTO_TEST_CASE(a_message_in_frames_of_any_size_is_the_same) {
  for (const auto& name : {kNames[1], kNames[3]}) {
    Replay whole;
    BOOST_REQUIRE(whole.feed(from_runtime(name)).has_value());
    for (std::size_t size = 1; size < 5000; size = size * 3 / 2 + 1) {
      Replay replay;
      for (const auto& frame : whole.frames[kPluginConnection]) {
        auto message = ttrpc_message(frame);
        for (std::string_view left = message; !left.empty();
             left.remove_prefix(std::min(size, left.size()))) {
          std::string header;
          append_u32(header, kPluginConnection);
          append_u32(header, static_cast<std::uint32_t>(std::min(size, left.size())));
          BOOST_REQUIRE(replay.feed(header + std::string(left.substr(0, size))).has_value());
          // Another connection's frames in between, one of them nobody's, are no matter.
          std::string other;
          append_u32(other, 77);
          append_u32(other, 3);
          BOOST_REQUIRE(replay.feed(other + "xyz").has_value());
        }
      }
      auto told = replay.told();
      BOOST_REQUIRE(told.size() == kEvents.size() + 1);
      BOOST_TEST(told.back() == kEvents.back());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_session_that_is_cut_short_gives_what_was_whole_and_no_more) {
  for (const auto& name : {kNames[0], kNames[2]}) {
    const auto bytes = from_runtime(name);
    Replay growing;
    std::size_t last = 0;
    for (std::size_t end = 1; end < bytes.size(); ++end) {
      BOOST_REQUIRE(growing.feed({&bytes[end - 1], 1}).has_value());
      const auto& frames = growing.frames[kPluginConnection];
      BOOST_REQUIRE(frames.size() >= last);
      last = frames.size();
    }
    BOOST_TEST(last == kEvents.size());  // all but the last
    BOOST_TEST(!growing.mux.between_frames());
  }
}

// Whatever the lengths say: an error or other messages, but an end, and no memory for what was only
// announced.
BOOST_AUTO_TEST_CASE(spoiled_lengths_end_in_an_error_or_in_silence) {
  const auto bytes = from_runtime(kNames[2]);
  const std::uint32_t lengths[] = {
      0, 1, 9, 10, 4095, 0x7fff, 1U << 24, (1U << 24) + 65, 0x7fffffff, 0xffffffff};
  std::size_t refused = 0;
  for (const auto start : frame_starts(bytes)) {
    for (const std::size_t field : {start + 4, start + kMuxHeader}) {
      for (const auto length : lengths) {
        std::string wrong;
        append_u32(wrong, length);
        auto spoiled = bytes;
        spoiled.replace(field, 4, wrong);
        Replay replay;
        refused += replay.feed(spoiled) ? 0 : 1;
        replay.told();
      }
    }
  }
  BOOST_TEST(refused > 0U);
}

BOOST_AUTO_TEST_CASE(every_byte_of_a_message_may_be_wrong) {
  Replay whole;
  BOOST_REQUIRE(whole.feed(from_runtime(kNames[2])).has_value());
  for (const auto& frame : whole.frames[kPluginConnection]) {
    const auto request = read_request(frame.data);
    BOOST_REQUIRE(request.has_value());
    for (std::size_t i = 0; i < request->payload.size(); ++i) {
      for (const char wrong : {'\0', '\x7f', '\xff', static_cast<char>(request->payload[i] + 1)}) {
        auto payload = request->payload;
        payload[i] = wrong;
        (void)read_notice(request->method, payload);
        (void)read_synchronize(payload);
        (void)read_notice(request->method, std::string_view(request->payload).substr(0, i));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_recorded_session_says_of_pod_and_container) {
  for (const auto& name : kNames) {
    Replay replay;
    BOOST_REQUIRE(replay.feed(from_runtime(name)).has_value());
    const auto request = read_request(replay.frames[kPluginConnection][5].data);
    BOOST_REQUIRE(request.has_value());
    const auto notice = read_notice(request->method, request->payload);
    BOOST_REQUIRE(notice.has_value());
    BOOST_REQUIRE((notice->pod && notice->container));
    BOOST_TEST((notice->event == Event::start_container));
    BOOST_TEST(notice->pod->pod_namespace == "ns1");
    BOOST_TEST(notice->pod->pod_name == "web-0");
    BOOST_TEST(notice->pod->pod_uid == "11111111-2222-3333-4444-555555555555");
    BOOST_TEST(notice->pod->labels_problem == "");
    BOOST_TEST(notice->pod->labels.at("app") == "web");
    for (const auto* added : {"io.cri-containerd.kind", "io.kubernetes.pod.name"}) {
      BOOST_TEST(!notice->pod->labels.contains(added));
    }
    const auto& container = *notice->container;
    BOOST_TEST(container.name == "main");
    BOOST_TEST(container.sandbox_id == notice->pod->id);
    BOOST_TEST(container.pid > 0);
    BOOST_TEST(container.image == "localhost/proto/busybox:1");
    BOOST_TEST((container.state == Container::State::created));
    BOOST_TEST(container.cgroup_path.ends_with("/" + container.id));
  }
}

BOOST_AUTO_TEST_CASE(the_recorded_plugins_answers_are_those_that_we_would_give) {
  Replay replay;
  BOOST_REQUIRE(replay.feed(session_bytes("containerd-2.1.9.plugin-to-runtime")).has_value());
  const auto& answers = replay.frames[kPluginConnection];
  BOOST_REQUIRE(answers.size() == 11U);
  BOOST_TEST(answers[0].data == write_response(write_configured(0x67f)));
  BOOST_TEST(answers[1].data == write_response(write_synchronized(false)));
  BOOST_TEST(answers[2].data == "");
  const auto asked = read_request(replay.frames[kRuntimeConnection].at(0).data);
  BOOST_REQUIRE(asked.has_value());
  BOOST_TEST(asked->method == "RegisterPlugin");
  BOOST_TEST(asked->payload.starts_with(write_register("probe", "10")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::nri::test
