// What we put on the wire, and the limits of what we take from it.
#include <boost/test/unit_test.hpp>

#include "containerd/nri/answers.hpp"
#include "containerd/nri/big_endian.hpp"
#include "containerd/nri/messages.hpp"
#include "containerd/nri/mux.hpp"
#include "containerd/nri/ttrpc.hpp"
#include "nri/nri.pb.h"

namespace usher::nri {
namespace {

Result<> ignore(std::uint32_t, std::string_view) {
  return {};
}

v1::PodSandbox a_pod() {
  v1::PodSandbox pod;
  pod.set_id("s1");
  pod.set_name("api");
  pod.set_namespace_("payments");
  pod.set_uid("u1");
  return pod;
}

void put(auto* entry, const std::string& key, const std::string& value) {
  entry->set_key(key);
  entry->set_value(value);
}

Result<Notice> read(const v1::PodSandbox& pod, const v1::Container* container = nullptr) {
  v1::PodAndContainer message;
  *message.mutable_pod() = pod;
  if (container != nullptr) {
    *message.mutable_container() = *container;
  }
  return read_notice("StartContainer", message.SerializeAsString());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nri_codec)

BOOST_AUTO_TEST_CASE(a_message_goes_out_in_frames_that_the_peer_can_take) {
  const auto message = ttrpc_message({7, kResponse, 0, std::string(10'000, 'x')});
  const auto frames = mux_frames(kPluginConnection, message);
  BOOST_TEST(frames.size() == 3U);
  std::string whole;
  MuxReader reader;
  for (const auto& frame : frames) {
    BOOST_TEST(frame.size() <= 4096U);
    BOOST_TEST(reader
                   .feed(frame,
                         [&](std::uint32_t connection, std::string_view part) -> Result<> {
                           BOOST_TEST(connection == kPluginConnection);
                           whole += part;
                           return {};
                         })
                   .has_value());
  }
  BOOST_TEST((whole == message));
  BOOST_TEST(mux_frames(kPluginConnection, "").empty());
}

BOOST_AUTO_TEST_CASE(a_frame_beyond_the_limit_is_refused_by_its_header) {
  std::string header;
  append_u32(header, kPluginConnection);
  append_u32(header, static_cast<std::uint32_t>(kMaxInbound) + 1);
  MuxReader mux;
  const auto fed = mux.feed(header, ignore);
  BOOST_REQUIRE(!fed.has_value());
  BOOST_TEST(fed.error().code == EMSGSIZE);

  std::string ttrpc;
  append_u32(ttrpc, static_cast<std::uint32_t>(kMaxMessage) + 1);
  ttrpc += std::string(6, '\0');
  TtrpcReader reader;
  std::vector<Frame> out;
  BOOST_TEST(!reader.feed(ttrpc, out).has_value());
}

BOOST_AUTO_TEST_CASE(sixteen_mebibytes_are_taken) {
  const auto message = ttrpc_message({1, kRequest, 0, std::string(kMaxMessage, 'x')});
  TtrpcReader reader;
  std::vector<Frame> out;
  BOOST_REQUIRE(reader.feed(message, out).has_value());
  BOOST_REQUIRE(out.size() == 1U);
  BOOST_TEST(out[0].data.size() == kMaxMessage);
}

BOOST_AUTO_TEST_CASE(an_empty_message_is_a_message) {
  TtrpcReader reader;
  std::vector<Frame> out;
  BOOST_REQUIRE(reader.feed(ttrpc_message({3, kResponse, 0, {}}), out).has_value());
  BOOST_REQUIRE(out.size() == 1U);
  const auto payload = read_response(out[0].data);
  BOOST_REQUIRE(payload.has_value());
  BOOST_TEST(*payload == "");
}

BOOST_AUTO_TEST_CASE(a_status_is_an_error_with_its_words) {
  const auto refused = read_response(write_status({Code::unavailable, "not now\n"}));
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST(refused.error().message.find("14: not now\\x0a") != std::string::npos);
  BOOST_TEST(!read_response("\xff\xff").has_value());
}

BOOST_AUTO_TEST_CASE(a_request_survives_its_way) {
  const auto read = read_request(write_request(
      {"nri.pkg.api.v1alpha1.Runtime", "RegisterPlugin", "p", std::chrono::seconds(5)}));
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(read->service == "nri.pkg.api.v1alpha1.Runtime");
  BOOST_TEST(read->method == "RegisterPlugin");
  BOOST_TEST(read->payload == "p");
  BOOST_TEST((read->timeout == std::chrono::seconds(5)));
}

BOOST_AUTO_TEST_CASE(hooks_are_an_adjustment_with_a_timeout_in_seconds) {
  v1::CreateContainerResponse response;
  BOOST_REQUIRE(response.ParseFromString(
      write_adjustment({{{"/opt/hook", {"usher-hook", "createRuntime"}, {"PATH=/bin"}, 7}}, {}})));
  const auto& hooks = response.adjust().hooks();
  BOOST_REQUIRE(hooks.create_runtime_size() == 1);
  BOOST_TEST(hooks.create_runtime(0).path() == "/opt/hook");
  BOOST_TEST(hooks.create_runtime(0).args_size() == 2);
  BOOST_TEST(hooks.create_runtime(0).timeout().value() == 7);
  BOOST_TEST(hooks.poststop_size() == 0);
}

BOOST_AUTO_TEST_CASE(five_hundred_labels_and_200_kB_of_annotations_pass) {
  auto pod = a_pod();
  for (int i = 0; i < 500; ++i) {
    put(pod.add_labels(), "example.com/label-" + std::to_string(i), std::string(63, 'v'));
  }
  v1::Container container;
  container.set_id("c1");
  container.set_pod_sandbox_id("s1");
  container.set_name("main");
  put(container.add_annotations(), "big", std::string(200'000, 'a'));
  put(container.add_annotations(), "io.kubernetes.cri.image-name", "registry.example/api:1");
  const auto notice = read(pod, &container);
  BOOST_REQUIRE(notice.has_value());
  BOOST_TEST(notice->pod->labels.size() == 500U);
  BOOST_TEST(notice->pod->labels_problem == "");
  BOOST_TEST(notice->container->image == "registry.example/api:1");
}

BOOST_AUTO_TEST_CASE(labels_that_cannot_be_taken_are_not_known) {
  for (const auto& [key, value] :
       {std::pair<std::string, std::string>("k", std::string(200'000, 'v')),
        {"k", "\xff"},
        {"", "v"},
        {std::string("k\0", 2), "v"}}) {
    auto pod = a_pod();
    put(pod.add_labels(), key, value);
    const auto notice = read(pod);
    BOOST_REQUIRE(notice.has_value());
    BOOST_TEST(notice->pod->labels.empty());
    BOOST_TEST(notice->pod->labels_problem != "");
  }
  auto twice = a_pod();
  put(twice.add_labels(), "k", "1");
  put(twice.add_labels(), "k", "2");
  BOOST_TEST(read(twice)->pod->labels_problem.find("twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_record_without_a_name_or_with_one_that_is_none_is_refused) {
  for (const std::string bad : {"", "a b", "a/b", "a\nb"}) {
    auto pod = a_pod();
    pod.set_name(bad);
    const auto notice = read(pod);
    BOOST_REQUIRE(!notice.has_value());
    BOOST_TEST(notice.error().message.find("the pod's name") != std::string::npos);
  }
  auto pod = a_pod();
  pod.set_pid(0xffffffff);
  BOOST_TEST(!read(pod).has_value());
}

BOOST_AUTO_TEST_CASE(one_bad_pod_does_not_spoil_the_list) {
  v1::SynchronizeRequest message;
  *message.add_pods() = a_pod();
  message.add_pods()->set_id("s2");
  message.set_more(true);
  const auto list = read_synchronize(message.SerializeAsString());
  BOOST_REQUIRE(list.has_value());
  BOOST_TEST(list->pods.size() == 1U);
  BOOST_TEST(list->more);
  BOOST_REQUIRE(list->problems.size() == 1U);
  BOOST_TEST(list->problems[0].find("s2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_event_has_its_method_and_state_change_carries_any) {
  BOOST_TEST(is_notice("StateChange"));
  BOOST_TEST(is_notice("PostUpdatePodSandbox"));
  BOOST_TEST(!is_notice("Configure"));
  BOOST_TEST(!is_notice("Synchronise"));
  v1::StateChangeEvent later;
  later.set_event(99);
  const auto notice = read_notice("StateChange", later.SerializeAsString());
  BOOST_REQUIRE(notice.has_value());
  BOOST_TEST(static_cast<std::int32_t>(notice->event) == 99);
  BOOST_TEST(bit(Event::remove_container) == 0x400);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::nri
