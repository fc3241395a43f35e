// usher-hook as a guest's runtime runs it: the real binary, a real process that is to become a
// container.
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <optional>
#include <set>
#include <string>

#include "guest_world.hpp"

using namespace usher::test;
using std::chrono::milliseconds;
using usher::guest::v1::Verdict;

namespace {

void say_go(int peer) {
  send_frame(peer, verdict_for(read_claim(peer), Verdict::WORD_GO).SerializeAsString());
  until_closed(peer);
}

// The outcome of one start where the relay answers by `serve`.
struct Start {
  explicit Start(std::function<void(int)> serve, const std::string& more = {})
      : world(more), relay(world.relay_path(), std::move(serve)), hook(world.run()) {}

  GuestWorld world;
  Relay relay;
  GuestWorld::Ended hook;
};

bool says(const GuestWorld::Ended& hook, std::string_view part) {
  const bool found = hook.said.find(part) != std::string::npos;
  if (!found) {
    BOOST_TEST_MESSAGE("the hook said: " << hook.said);
  }
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(guest_hook)

BOOST_AUTO_TEST_CASE(a_go_lets_the_container_run) {
  std::string id;
  std::string nonce;
  Start start([&](int peer) {
    const auto claim = read_claim(peer);
    id = claim.container_id();
    nonce = claim.nonce();
    send_frame(peer, verdict_for(claim, Verdict::WORD_GO).SerializeAsString());
    until_closed(peer);
  });
  BOOST_TEST(start.hook.status == 0);
  BOOST_TEST(start.hook.said == "");
  BOOST_TEST(id == "c1");
  BOOST_TEST(nonce.size() == 16U);
  BOOST_TEST(start.world.container_waits());
}

BOOST_AUTO_TEST_CASE(a_refusal_kills_the_container_and_says_why) {
  Start start([](int peer) {
    send_frame(peer,
               verdict_for(read_claim(peer), Verdict::WORD_REFUSE, "no\n").SerializeAsString());
    until_closed(peer);
  });
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(
      says(start.hook, "refused this container: no\\x0a; the container's process was killed"));
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(a_word_that_is_no_go_kills) {
  for (const int word : {0, 3, -1}) {
    Start start([word](int peer) {
      send_frame(
          peer,
          verdict_for(read_claim(peer), static_cast<Verdict::Word>(word)).SerializeAsString());
      until_closed(peer);
    });
    BOOST_TEST(start.hook.status == 1);
    BOOST_TEST(start.world.container_was_killed());
  }
}

BOOST_AUTO_TEST_CASE(a_go_for_another_claim_kills) {
  for (const int what : {0, 1, 2}) {
    Start start([what](int peer) {
      auto answer = verdict_for(read_claim(peer), Verdict::WORD_GO);
      auto& verdict = *answer.mutable_verdict();
      if (what == 0) {
        verdict.mutable_nonce()->front() ^= 1;
      } else if (what == 1) {
        verdict.set_ticket(verdict.ticket() + 1);
      } else {
        verdict.set_container_id("c2");
      }
      send_frame(peer, answer.SerializeAsString());
      until_closed(peer);
    });
    BOOST_TEST(start.hook.status == 1);
    BOOST_TEST(says(start.hook, "for another claim"));
    BOOST_TEST(start.world.container_was_killed());
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_none_kills) {
  const std::string oversize("\0\1\0\1", 4);
  const std::string empty(4, '\0');
  const std::string http = "HTTP/1.1 200 OK\r\n\r\n";
  const std::string garbage("\0\0\0\5hello", 9);
  for (const std::string& bytes : {oversize, empty, http, garbage}) {
    Start start([&](int peer) {
      read_claim(peer);
      send_bytes(peer, bytes);
      until_closed(peer);
    });
    BOOST_TEST(start.hook.status == 1);
    BOOST_TEST(says(start.hook, "no relay of Usher"));
    BOOST_TEST(start.world.container_was_killed());
  }
}

BOOST_AUTO_TEST_CASE(a_second_answer_behind_the_first_kills) {
  Start start([](int peer) {
    const std::string go = verdict_for(read_claim(peer), Verdict::WORD_GO).SerializeAsString();
    const std::string frame = std::string(3, '\0') + static_cast<char>(go.size()) + go;
    send_bytes(peer, frame + frame);
    until_closed(peer);
  });
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(silence_kills_within_the_deadline_also_where_fail_is_open) {
  Start start([](int peer) { until_closed(peer); }, "deadline = 400ms\nfail = open\n");
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(says(start.hook, "gave no verdict within 400 ms"));
  BOOST_TEST(start.hook.took.count() < 2000);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(half_an_answer_kills_within_the_deadline) {
  Start start(
      [](int peer) {
        const std::string go = verdict_for(read_claim(peer), Verdict::WORD_GO).SerializeAsString();
        send_bytes(peer, std::string(3, '\0') + static_cast<char>(go.size()) +
                             go.substr(0, go.size() - 1));
        until_closed(peer);
      },
      "deadline = 400ms\n");
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(a_relay_that_hangs_up_is_asked_again_with_a_new_claim) {
  std::set<std::string> nonces;
  Start start([&](int peer) {
    const auto claim = read_claim(peer);
    nonces.insert(claim.nonce());
    if (nonces.size() == 3) {
      send_frame(peer, verdict_for(claim, Verdict::WORD_GO).SerializeAsString());
      until_closed(peer);
    }
  });
  BOOST_TEST(start.hook.status == 0);
  BOOST_TEST(nonces.size() == 3U);
  BOOST_TEST(start.world.container_waits());
}

BOOST_AUTO_TEST_CASE(a_relay_that_only_hangs_up_kills_also_where_fail_is_open) {
  Start start([](int) {}, "deadline = 400ms\nfail = open\n");
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(nobody_listening_kills_or_lets_run_as_configured) {
  GuestWorld closed("deadline = 400ms\n");
  const auto refused = closed.run();
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(says(refused, "could not be reached within 400 ms"));
  BOOST_TEST(closed.container_was_killed());

  GuestWorld open("deadline = 400ms\nfail = open\n");
  const auto let_go = open.run();
  BOOST_TEST(let_go.status == 0);
  BOOST_TEST(says(let_go, "starts without policy"));
  BOOST_TEST(open.container_waits());
}

BOOST_AUTO_TEST_CASE(a_relay_that_comes_late_is_still_asked) {
  GuestWorld world;
  std::optional<Relay> relay;
  std::jthread later([&] {
    // Once its watchdog is there it is about to ask, or has asked in vain.
    while (child_but(world.container()) == 0) {
      std::this_thread::yield();
    }
    relay.emplace(world.relay_path(), say_go);
  });
  const auto hook = world.run();
  later.join();
  BOOST_TEST(hook.status == 0);
  BOOST_TEST(world.container_waits());
}

BOOST_AUTO_TEST_CASE(a_hook_that_is_killed_while_it_asks_takes_the_container_along) {
  Start start([](int peer) {
    read_claim(peer);
    ::kill(peer_pid(peer), SIGKILL);
    until_closed(peer);
  });
  BOOST_TEST(start.hook.status == -SIGKILL);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(closed_streams_change_nothing) {
  const auto die = [](int peer) {
    read_claim(peer);
    ::kill(peer_pid(peer), SIGKILL);
    until_closed(peer);
  };
  for (const bool goes : {true, false}) {
    GuestWorld world;
    world.close_streams();
    const Relay relay(world.relay_path(), goes ? std::function<void(int)>(say_go) : die);
    BOOST_TEST(world.run().status == (goes ? 0 : -SIGKILL));
    BOOST_TEST(world.container_was_killed() != goes);
  }
}

BOOST_AUTO_TEST_CASE(a_hook_that_stands_still_is_overtaken_by_its_watchdog) {
  Start start(
      [](int peer) {
        read_claim(peer);
        ::kill(peer_pid(peer), SIGSTOP);
        until_closed(peer);
      },
      "deadline = 400ms\n");
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(a_go_without_a_watchdog_is_none) {
  Start start([](int peer) {
    const auto claim = read_claim(peer);
    kill_only_child_of(peer_pid(peer));
    send_frame(peer, verdict_for(claim, Verdict::WORD_GO).SerializeAsString());
    until_closed(peer);
  });
  BOOST_TEST(start.hook.status == 1);
  BOOST_TEST(says(start.hook, "watchdog was ended"));
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(the_watchdog_holds_none_of_the_hooks_streams) {
  // It stands still when the hook is gone: a guest's runtime would wait for what it had kept.
  std::atomic<pid_t> watchdog = 0;
  Start start([&](int peer) {
    read_claim(peer);
    watchdog = only_child_of(peer_pid(peer));
    stop_watchdog(watchdog);
    ::kill(peer_pid(peer), SIGKILL);
    until_closed(peer);
  });
  BOOST_TEST(!start.hook.streams_held);
  BOOST_TEST(start.hook.status == -SIGKILL);
  ::kill(watchdog, SIGCONT);
  BOOST_TEST(start.world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(a_configuration_that_cannot_be_read_kills) {
  for (const std::string text : {"", "relay = tcp:1\n", "relay = vsock:1\nfail = open\nx = y\n"}) {
    GuestWorld world;
    world.configure(text);
    const auto hook = world.run();
    BOOST_TEST(hook.status == 1);
    BOOST_TEST(says(hook, "usher-hook.conf"));
    BOOST_TEST(world.container_was_killed());
  }
  GuestWorld world;
  std::filesystem::remove(world.root() / "usher-hook.conf");
  BOOST_TEST(world.run().status == 1);
  BOOST_TEST(world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(a_broken_state_kills_what_it_names) {
  GuestWorld world("fail = open\n");
  const Relay relay(world.relay_path(), say_go);
  const auto hook = world.run("prestart", world.state() + "}");
  BOOST_TEST(hook.status == 1);
  BOOST_TEST(says(hook, "cannot read the container's state"));
  BOOST_TEST(world.container_was_killed());
}

BOOST_AUTO_TEST_CASE(neither_process_1_nor_the_hooks_parent_is_killed) {
  GuestWorld world("deadline = 400ms\n");
  for (const auto& pid : {std::string("1"), std::to_string(::getpid()), std::string("-1"),
                          std::string("\"2\""), std::string("2147483647")}) {
    const auto hook = world.run("prestart", world.state_of(pid));
    BOOST_TEST(hook.status == 1);
    BOOST_TEST(hook.said != "");
  }
  BOOST_TEST(world.container_waits());
}

BOOST_AUTO_TEST_CASE(poststart_and_poststop_never_kill_and_do_not_wait_for_a_relay) {
  GuestWorld world;
  for (const std::string stage : {"poststart", "poststop"}) {
    const auto hook = world.run(stage);
    BOOST_TEST(hook.status == 0);
    BOOST_TEST(hook.said == "");
    BOOST_TEST(hook.took.count() < 1000);
  }
  world.configure("nonsense");
  const auto hook = world.run("poststop");
  BOOST_TEST(hook.status == 0);
  BOOST_TEST(says(hook, "the container is not affected"));
  BOOST_TEST(world.container_waits());
}

BOOST_AUTO_TEST_CASE(with_an_agent_only_the_agent_is_asked) {
  GuestWorld world("deadline = 400ms\nagent = /nonexistent/hook.sock\n");
  std::atomic<int> asked = 0;
  const Relay relay(world.relay_path(), [&](int peer) {
    ++asked;
    say_go(peer);
  });
  const auto hook = world.run();
  BOOST_TEST(hook.status == 1);
  BOOST_TEST(says(hook, "the guest's agent at /nonexistent/hook.sock could not be reached"));
  BOOST_TEST(asked == 0);
  BOOST_TEST(world.container_was_killed());
  const auto hint = world.run("poststop");
  BOOST_TEST(hint.status == 0);
  BOOST_TEST(says(hint, "was not told of this poststop"));
}

BOOST_AUTO_TEST_SUITE_END()
