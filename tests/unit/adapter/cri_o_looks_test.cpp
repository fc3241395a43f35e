// What a look at the hook costs when little or nothing changed since the one before: the keeper
// looks at each change of any file beside its own.
#include "install/seen_files.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <set>

#include "base/fd.hpp"
#include "cri-o/installer.hpp"
#include "cri_o_node.hpp"
#include "install/program.hpp"

using namespace usher::test::cri_o;
using namespace std::chrono_literals;
using usher::Result;
using usher::cri_o::HookOptions;
using usher::install::Node;
using usher::install::SeenFiles;

namespace {

// Names of the files in some directories that were opened.
class Opened {
 public:
  explicit Opened(const std::vector<fs::path>& dirs) : fd_(::inotify_init1(IN_NONBLOCK)) {
    for (const auto& dir : dirs) {
      BOOST_TEST_REQUIRE(::inotify_add_watch(fd_.get(), dir.c_str(), IN_OPEN) >= 0);
    }
  }
  std::set<std::string> take() const {
    std::set<std::string> names;
    alignas(inotify_event) std::array<char, 65536> buffer{};
    for (ssize_t n = 0; (n = ::read(fd_.get(), buffer.data(), buffer.size())) > 0;) {
      for (ssize_t at = 0; at < n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
        if (event->len != 0 && (event->mask & IN_ISDIR) == 0) {
          names.insert(event->name);
        }
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
    return names;
  }

 private:
  usher::Fd fd_;
};

struct Looker : TestNode {
  HookOptions options;
  std::vector<std::string> said;  // a step's path and sentence, or a problem

  Looker() {
    options.root = root.path();
    options.hook_source = built.path() / "usher-hook";
    options.seen = std::make_shared<SeenFiles>(-1ns);  // even what has just been written
    BOOST_TEST_REQUIRE(installer.install(config).ok);
  }
  void look(void (*at)(const HookOptions&, usher::plugin::Report&)) {
    const usher_install_sink sink{
        sizeof sink, 0, this,
        [](void* self, const usher_install_step* step) {
          static_cast<Looker*>(self)->said.push_back(std::string(usher::plugin::view(step->path)) +
                                                     ": " +
                                                     std::string(usher::plugin::view(step->what)));
        },
        [](void* self, usher_string sentence) {
          static_cast<Looker*>(self)->said.emplace_back(usher::plugin::view(sentence));
        }};
    usher::plugin::Report report(sink);
    at(options, report);
  }
  void look() {
    said.clear();
    look(&usher::cri_o::plan_hooks);
    look(&usher::cri_o::verify_hooks);
  }
  bool says(const std::string& part) const { return names(said, part); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hook_looks, Looker)

BOOST_AUTO_TEST_CASE(a_second_look_reads_nothing_and_runs_nothing) {
  look();
  const Opened opened({built.path(), at(kDir), at(kHook).parent_path()});
  look();
  BOOST_TEST(opened.take().empty());
  BOOST_TEST(says(kHook + ": is the hook's program already"));
  BOOST_TEST(says(kGate + ": is as it should be already"));
}

BOOST_AUTO_TEST_CASE(a_look_after_a_change_reads_what_changed_and_no_more) {
  look();
  const Opened opened({built.path(), at(kDir), at(kHook).parent_path()});
  root.write(kGate.substr(1), "{}");
  opened.take();
  look();
  BOOST_TEST(opened.take() == std::set{fs::path(kGate).filename().native()});
  BOOST_TEST(says(kGate + " is not as these settings make it"));
}

BOOST_AUTO_TEST_CASE(a_program_that_is_altered_in_place_is_noticed) {
  look();
  const auto before = fs::last_write_time(at(kHook));
  const auto content = usher::read_file(at(kHook)).value();
  wait_a_tick();
  root.write(kHook.substr(1), std::string(content.size(), '#'));
  fs::last_write_time(at(kHook), before);  // the change time tells
  look();
  BOOST_TEST(says(kHook + ": the hook's program, from"));
  BOOST_TEST(says(kHook + " is not the same as"));
}

BOOST_AUTO_TEST_CASE(a_record_of_a_container_is_read_once) {
  write_hook("2.0.0");
  BOOST_TEST_REQUIRE(installer.install(config).ok);  // 1.2.3 is an older program now
  for (const auto* id : {"c1", "c2"}) {
    root.write("run/runc/" + std::string(id) + "/state.json", std::string(1U << 20, ' '));
  }
  look();
  BOOST_TEST(!says(kHook + ": is used by"));
  const Opened opened({at("/run/runc/c1"), at("/run/runc/c2")});
  root.write("run/runc/c2/state.json", "usher-hook-1.2.3");
  opened.take();
  look();
  BOOST_TEST(opened.take() == std::set<std::string>{"state.json"});
  BOOST_TEST(says(kHook + ": is used by /run/runc/c2/state.json"));
  look();
  BOOST_TEST(opened.take().empty());
}

BOOST_AUTO_TEST_CASE(records_that_are_too_much_for_one_look_keep_the_program_until_all_are_read) {
  const auto of_node = [&] {
    return users_of(Node(root.path(), options.seen.get()), options, kHook, {});
  };
  options.may_wait = false;
  for (int i = 0; i < 10; ++i) {
    root.write("run/runc/c" + std::to_string(i) + "/state.json", std::string(3U << 20, ' '));
  }
  for (const int look : {1, 2}) {  // 16 MiB of 30 MiB, then the rest but little
    const auto users = of_node();
    if (look == 1) {
      BOOST_TEST_REQUIRE(users.size() == 1U);
      BOOST_TEST(users[0].find("not all of their records were read") != std::string::npos);
    } else {
      BOOST_TEST(users.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(more_records_than_are_looked_at_keep_the_program) {
  for (int i = 0; i <= 4096; ++i) {
    root.write("run/crun/c" + std::to_string(i) + "/config.json", "{}");
  }
  const auto users = users_of(Node(root.path()), options, kHook, {});
  BOOST_TEST_REQUIRE(users.size() == 1U);
  BOOST_TEST(users[0].find("not all of their records were read") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_was_just_written_is_read_again) {
  const auto file = root.write("f", "one");
  int asked = 0;
  const auto ask = [&]() -> Result<std::string> { return std::to_string(++asked); };
  SeenFiles patient(1h);
  BOOST_TEST(patient.learn({file}, "q", ask).value() == "1");
  BOOST_TEST(patient.learn({file}, "q", ask).value() == "2");
  SeenFiles hasty(-1ns);
  BOOST_TEST(hasty.learn({file}, "q", ask).value() == "3");
  BOOST_TEST(hasty.learn({file}, "q", ask).value() == "3");
  BOOST_TEST(hasty.learn({file}, "another", ask).value() == "4");
}

BOOST_AUTO_TEST_CASE(neither_failures_nor_what_is_not_there_nor_large_answers_are_remembered) {
  SeenFiles seen(-1ns);
  const auto file = root.write("f", "one");
  int asked = 0;
  const auto fails = [&]() -> Result<std::string> { return usher::fail(std::to_string(++asked)); };
  const auto large = [&]() -> Result<std::string> {
    ++asked;
    return std::string((1U << 20) + 1, 'x');
  };
  for (const int times : {1, 2}) {
    BOOST_TEST(seen.learn({file}, "fails", fails).error().message == std::to_string(times));
  }
  BOOST_TEST(!seen.knows({file}, "fails"));
  BOOST_TEST(seen.learn({file}, "large", large).has_value());
  BOOST_TEST(!seen.knows({file}, "large"));
  const auto gone = root.path() / "gone";
  BOOST_TEST(
      seen.learn({file, gone}, "q", [&]() -> Result<std::string> { return "x"; }).has_value());
  BOOST_TEST(!seen.knows({file, gone}, "q"));
}

BOOST_AUTO_TEST_SUITE_END()
