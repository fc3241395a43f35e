#include <arpa/inet.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "agent/directory_watch.hpp"
#include "agent/kernel_events.hpp"
#include "agent/spool.hpp"
#include "doubles.hpp"

namespace usher::agent::test {

namespace {

struct EventWorld : World {
  usher_kernel_event record{};

  EventWorld() {
    container("c1", 100, 50);
    BOOST_TEST(gate("c1", 100));
    record.type = USHER_EVENT_VERDICT;
    record.workload = 1;
    record.incarnation = 1;
    record.rule = rules.id({"p", "no-shell"});
    record.kind = USHER_EXEC;
    record.verdict = USHER_KILLED;
    put("/bin/sh", std::string("sh\0-c", 5));
  }
  void put(const std::string& path, const std::string& args) {
    std::memcpy(record.data, path.data(), path.size());
    std::memcpy(record.data + path.size(), args.data(), args.size());
    record.path_len = static_cast<std::uint16_t>(path.size());
    record.args_len = static_cast<std::uint16_t>(args.size());
  }
  v1::Event decode() { return decode_verdict(record, registry, rules, 1000); }

  Result<v1::Event> next(api::EventSubscription& subscription) {
    Result<v1::Event> out = fail("not answered");
    asio::co_spawn(loop, subscription.next(),
                   [&](std::exception_ptr, Result<v1::Event> got) { out = std::move(got); });
    loop.restart();
    loop.run();
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(events, EventWorld)

BOOST_AUTO_TEST_CASE(what_an_adapter_warns_of_is_an_event_and_what_it_chats_is_not) {
  const auto subscription = hub.subscribe(0, true);
  journal.adapter_said(LogLevel::info, "cri-o", "all is well");
  journal.adapter_said(LogLevel::warning, "cri-o", "hook repaired: x.json is not there");
  const auto event = next(*subscription);
  BOOST_TEST_REQUIRE(event.has_value());
  BOOST_TEST(event->type() == "adapter");
  BOOST_TEST(event->severity() == "warning");
  BOOST_TEST(event->message() == "cri-o: hook repaired: x.json is not there");
  BOOST_TEST(event->container_id().empty());
  BOOST_TEST(event->time_ns() != 0);
  const auto text = log_text.str();
  BOOST_TEST(text.find("all is well\",\"adapter\":\"cri-o\"") != std::string::npos, text);
  BOOST_TEST(
      text.find("not there\",\"adapter\":\"cri-o\",\"event\":\"adapter\"") != std::string::npos,
      text);
}

BOOST_AUTO_TEST_CASE(an_adapter_that_warns_without_end_leaves_room_for_other_events) {
  for (int i = 0; i < 2000; ++i) {
    journal.adapter_said(LogLevel::error, "loud", "again");
  }
  clock += std::chrono::seconds(60);
  journal.adapter_said(LogLevel::error, "loud", "still");
  const auto subscription = hub.subscribe(1024, false);
  std::size_t events = 0;
  for (auto event = next(*subscription); event; event = next(*subscription)) {
    events += event->type() == "adapter" ? 1 : 0;
    if (event->message() == "loud: still") {
      BOOST_TEST(event->suppressed() == 1940U);
    }
  }
  BOOST_TEST(events == 61U);
}

BOOST_AUTO_TEST_CASE(a_kernel_record_names_workload_policy_rule_and_object) {
  record.time_ns = 5;
  record.pid = 7;
  std::strcpy(record.comm, "runc");
  const auto event = decode();
  BOOST_TEST(event.pod_namespace() == "payments");
  BOOST_TEST(event.container_id() == "c1");
  BOOST_TEST(event.policy() == "p");
  BOOST_TEST(event.rule() == "no-shell");
  BOOST_TEST(event.operation() == "exec");
  BOOST_TEST(event.verdict() == "kill");
  BOOST_TEST(event.path() == "/bin/sh");
  BOOST_REQUIRE_EQUAL(event.arguments_size(), 2);
  BOOST_TEST(event.arguments(1) == "-c");
  BOOST_TEST(event.time_ns() == 1005);
  BOOST_TEST(event.program() == "runc");
}

BOOST_AUTO_TEST_CASE(an_earlier_use_of_the_slot_is_not_named) {
  record.incarnation = 0;
  BOOST_TEST(decode().pod_namespace().empty());
}

BOOST_AUTO_TEST_CASE(lengths_beyond_the_record_are_cut) {
  record.path_len = 0xffff;
  record.args_len = 0xffff;
  BOOST_TEST(decode().path().size() == sizeof record.data);
}

BOOST_AUTO_TEST_CASE(sockets_show_address_port_and_protocol) {
  record.kind = USHER_CONNECT;
  record.family = AF_INET;
  record.port = 443;
  record.protocol = 6;
  put("", "");
  const std::uint32_t address = ::htonl(0x0a000001);
  std::memcpy(record.address, &address, sizeof address);
  const auto event = decode();
  BOOST_TEST(event.address() == "10.0.0.1");
  BOOST_TEST(event.port() == 443U);
  BOOST_TEST(event.protocol() == "tcp");
}

BOOST_AUTO_TEST_CASE(container_bytes_reach_the_log_escaped) {
  put("/tmp/\x1b[31m\n\xff", "");
  journal.publish(decode());
  BOOST_TEST(log_text.str().find("\x1b") == std::string::npos);
  BOOST_TEST(log_text.str().find("exec /tmp/\\\\x1b[31m\\\\x0a\\\\xff\"") != std::string::npos);
  BOOST_TEST(log_text.str().find("\"path\":\"/tmp/\\\\x1b[31m\\\\x0a\\\\xff\"") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_follower_gets_history_then_what_comes_then_the_end) {
  journal.tell(LogLevel::info, "one", "1");
  journal.tell(LogLevel::info, "two", "2");
  auto follower = hub.subscribe(1, true);
  journal.tell(LogLevel::info, "three", "3");
  BOOST_TEST(next(*follower)->type() == "two");
  BOOST_TEST(next(*follower)->type() == "three");
  hub.close();
  BOOST_TEST(!next(*follower));
}

BOOST_AUTO_TEST_CASE(history_alone_ends) {
  auto reader = hub.subscribe(1, false);
  BOOST_TEST(next(*reader).has_value());
  BOOST_TEST(!next(*reader));
}

BOOST_AUTO_TEST_CASE(a_slow_follower_is_told_how_many_it_lost) {
  Hub small(loop.get_executor(), 1, 2);
  auto follower = small.subscribe(0, true);
  v1::Event event;
  for (int i = 0; i < 5; ++i) {
    event.set_type(std::to_string(i));
    small.publish(event);
  }
  BOOST_TEST(next(*follower)->type() == "0");
  BOOST_TEST(next(*follower)->type() == "1");
  const auto lost = next(*follower);
  BOOST_TEST(lost->type() == "lost");
  BOOST_TEST(lost->suppressed() == 3U);
  small.publish(event);
  BOOST_TEST(next(*follower)->type() == "4");
}

BOOST_AUTO_TEST_CASE(notes_of_failed_open_hooks_are_told_and_removed) {
  const auto spool = run.path() / "failed-open";
  std::filesystem::create_directory(spool);
  BOOST_REQUIRE(write_file(spool / "1.json",
                           R"({"time":"2024-01-01T00:00:00Z","stage":"createRuntime",)"
                           R"("runtime":"cri-o","id":"abc","namespace":"kube-system","pod":"p",)"
                           R"("reason":"no agent"})"));
  BOOST_REQUIRE(write_file(spool / "2.json", "garbage"));
  BOOST_REQUIRE(write_file(spool / "3.json", std::string(kSpoolFileBytes + 1, ' ')));
  BOOST_REQUIRE(write_file(spool / ".4.json", "{}"));
  std::filesystem::create_symlink("/etc/passwd", spool / "5.json");
  BOOST_TEST(collect_spool(spool, journal) == 1U);
  const auto text = log_text.str();
  BOOST_TEST(text.find("\"event\":\"failed-open\"") != std::string::npos);
  BOOST_TEST(text.find("no agent") != std::string::npos);
  BOOST_TEST(text.find("2.json") != std::string::npos);
  BOOST_TEST(text.find("root:") == std::string::npos);
  BOOST_TEST(std::distance(std::filesystem::directory_iterator(spool), {}) == 1);
}

BOOST_AUTO_TEST_CASE(a_changed_directory_is_told_once_for_a_burst_also_when_it_comes_late) {
  int told = 0;
  const auto directory = run.path() / "watched";
  std::filesystem::create_directory(directory);
  DirectoryWatch watch(loop, directory, std::chrono::milliseconds(20), [&] {
    ++told;
    loop.stop();
  });
  BOOST_REQUIRE(watch.start());
  BOOST_REQUIRE(write_file(directory / "a", "1"));
  BOOST_REQUIRE(write_file(directory / "b", "1"));
  std::filesystem::create_symlink("a", directory / "..data");
  loop.restart();
  loop.run();
  BOOST_TEST(told == 1);
  std::filesystem::rename(directory, run.path() / "away");
  std::filesystem::create_directory(directory);
  loop.restart();
  loop.run();
  BOOST_TEST(told == 2);
  BOOST_REQUIRE(write_file(directory / "c", "1"));
  loop.restart();
  loop.run();
  BOOST_TEST(told == 3);
}

BOOST_AUTO_TEST_CASE(a_rule_file_cut_off_by_a_crash_is_repaired) {
  const auto file = run.path() / "rules";
  BOOST_REQUIRE(rules.save());
  const auto text = *read_file(file);
  BOOST_REQUIRE(write_file(file, text + "[\"q\",\"r"));
  auto again = RuleTable::open(file);
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->id({"new", "rule"}) == record.rule + 1);
  BOOST_REQUIRE(again->save());
  BOOST_TEST(RuleTable::open(file).has_value());
}

// A node whose agent does not start for that starts nothing any more.
BOOST_AUTO_TEST_CASE(
    a_rule_file_that_cannot_be_read_is_set_aside_and_numbers_go_on_above_the_kernels) {
  const auto file = run.path() / "rules";
  BOOST_REQUIRE(write_file(file, "[\"p\",\"r\",70]\nnonsense\n[\"q\",\"r\",71]\n"));
  auto table = RuleTable::open(file);
  BOOST_REQUIRE(table.has_value());
  BOOST_TEST(table->set_aside().find("rules:2: expected") != std::string::npos);
  BOOST_TEST(*read_file(run.path() / "rules.set-aside") ==
             "[\"p\",\"r\",70]\nnonsense\n[\"q\",\"r\",71]\n");
  BOOST_TEST(table->name(70) == nullptr);

  enforcer.cells_of_arena.resize(4);
  enforcer.cells_of_arena[3].rule_id[1] = 90;
  enforcer.cells_of_arena[3].rule_id[2] = 1000;  // of no rule
  usher_profile pinned{};
  pinned.kind[USHER_EXEC].rules = 18;
  pinned.kind[USHER_EXEC].rule_ids = 2;
  enforcer.profiles[7] = pinned;
  BOOST_TEST(highest_rule(enforcer) == 90U);
  enforcer.profiles[7].kind[USHER_BIND].groups = 1;
  enforcer.profiles[7].kind[USHER_BIND].group[0].rule = 95;
  table->begin_above(highest_rule(enforcer));
  BOOST_TEST(table->id({"p", "r"}) == 96U);
  BOOST_REQUIRE(table->save());
  auto again = RuleTable::open(file);
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->set_aside().empty());
  BOOST_TEST(again->name(96)->policy == "p");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace usher::agent::test
