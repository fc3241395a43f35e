#include "hook/options.hpp"

#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <string>
#include <vector>

using namespace usher::hook;

namespace {

usher::Result<Options> parse(std::vector<const char*> arguments) {
  return parse_options(arguments);
}

std::string error_of(std::vector<const char*> arguments) {
  const auto options = parse_options(arguments);
  return options ? "" : options.error().message;
}

bool says(const std::string& text, const std::string& part) {
  BOOST_TEST_MESSAGE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(stage_and_runtime_are_enough) {
  const auto options = parse({"createRuntime", "--runtime", "cri-o"});
  BOOST_REQUIRE(options.has_value());
  BOOST_TEST((options->action == Action::run));
  BOOST_TEST((options->stage == Stage::create_runtime));
  BOOST_TEST(options->runtime == "cri-o");
  BOOST_TEST(options->socket == "/run/usher/hook.sock");
  BOOST_TEST(options->spool == "/run/usher/failed-open");
  BOOST_TEST(options->timeout.count() == 5000);
  BOOST_TEST(!options->fail_open);
  BOOST_TEST(
      (options->exempt.namespaces == std::vector<std::string>{"kube-system", "usher-system"}));
}

BOOST_AUTO_TEST_CASE(every_option_is_read_in_both_spellings_and_any_order) {
  const auto options =
      parse({"--socket=/s", "--fail", "open", "poststop", "--timeout=70", "--runtime=podman",
             "--spool", "/p", "--exempt-namespace", "a-*", "--exempt-namespace=b",
             "--no-default-exemptions", "--exempt-label=k=v=w", "--exempt-annotation",
             "x/y=", "--exempt-image", "registry.example/*", "--print"});
  BOOST_REQUIRE(options.has_value());
  BOOST_TEST((options->action == Action::print));
  BOOST_TEST((options->stage == Stage::poststop));
  BOOST_TEST(options->socket == "/s");
  BOOST_TEST(options->spool == "/p");
  BOOST_TEST(options->fail_open);
  BOOST_TEST(options->timeout.count() == 70);
  BOOST_TEST((options->exempt.namespaces == std::vector<std::string>{"a-*", "b"}));
  BOOST_TEST((options->exempt.labels.at(0) == std::pair<std::string, std::string>("k", "v=w")));
  BOOST_TEST((options->exempt.annotations.at(0) == std::pair<std::string, std::string>("x/y", "")));
  BOOST_TEST(options->exempt.images.at(0) == "registry.example/*");
}

BOOST_AUTO_TEST_CASE(a_hint_waits_less_unless_told) {
  BOOST_TEST(parse({"poststop", "--runtime", "x"})->timeout.count() == 1000);
  BOOST_TEST(parse({"poststart", "--runtime", "x"})->timeout.count() == 1000);
  BOOST_TEST(parse({"poststop", "--runtime", "x", "--timeout", "4000"})->timeout.count() == 4000);
}

BOOST_AUTO_TEST_CASE(named_namespaces_come_on_top_of_the_default_ones) {
  const auto options = parse({"prestart", "--runtime", "x", "--exempt-namespace", "mine"});
  BOOST_TEST((options->exempt.namespaces ==
              std::vector<std::string>{"kube-system", "usher-system", "mine"}));
  BOOST_TEST(
      parse({"prestart", "--runtime", "x", "--no-default-exemptions"})->exempt.namespaces.empty());
}

BOOST_AUTO_TEST_CASE(labels_annotations_and_images_never_exempt_alone) {
  for (const char* narrower :
       {"--exempt-label=a=b", "--exempt-annotation=a=b", "--exempt-image=x"}) {
    BOOST_TEST(says(error_of({"prestart", "--runtime", "x", narrower}), "--exempt-namespace"));
    BOOST_TEST(error_of({"prestart", "--runtime", "x", narrower, "--exempt-namespace", "n"}) == "");
  }
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_errors_that_name_them) {
  BOOST_TEST(says(error_of({}), "stage"));
  BOOST_TEST(says(error_of({"createRuntime"}), "--runtime"));
  BOOST_TEST(says(error_of({"created", "--runtime", "x"}), "unknown stage \"created\""));
  BOOST_TEST(says(error_of({"prestart", "poststop", "--runtime", "x"}), "\"poststop\""));
  BOOST_TEST(says(error_of({"prestart", "--runtmie", "x"}), "unknown option \"--runtmie\""));
  BOOST_TEST(says(error_of({"prestart", "-r", "x"}), "unknown option \"-r\""));
  BOOST_TEST(says(error_of({"prestart", "--runtime"}), "needs a value"));
  BOOST_TEST(says(error_of({"prestart", "--runtime="}), "empty value"));
  BOOST_TEST(says(error_of({"prestart", "--runtime", "../x"}), "--runtime"));
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--print=yes"}), "takes no value"));
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--fail", "maybe"}), "closed or open"));
  for (const char* timeout : {"0", "-1", "5s", "600001", "99999999999999999999", " 5"}) {
    BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--timeout", timeout}), "--timeout"));
  }
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--exempt-namespace", "n",
                            "--exempt-label", "novalue"}),
                  "KEY=VALUE"));
  BOOST_TEST(says(error_of({"\x1b[31m", "--runtime", "x"}), "\\x1b[31m"));
}

BOOST_AUTO_TEST_CASE(paths_must_be_absolute_and_fit_a_socket) {
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--socket", "hook.sock"}), "absolute"));
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--spool", "spool"}), "absolute"));
  const std::string fits = "/" + std::string(106, 's');
  BOOST_TEST(error_of({"prestart", "--runtime", "x", "--socket", fits.c_str()}) == "");
  BOOST_TEST(says(error_of({"prestart", "--runtime", "x", "--socket", (fits + "s").c_str()}),
                  "longer than"));
}

BOOST_AUTO_TEST_CASE(help_and_version_need_no_stage) {
  BOOST_TEST((parse({"--help"})->action == Action::help));
  BOOST_TEST((parse({"-h", "--print"})->action == Action::help));
  BOOST_TEST((parse({"--version"})->action == Action::version));
  for (const auto name : kStageNames) {
    BOOST_TEST(says(std::string(help_text()), std::string(name)));
  }
}
