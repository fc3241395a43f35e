// The SDK alone, with the smallest adapter there is.
#include "usher/plugin.hpp"

namespace {

class Smallest {
 public:
  static constexpr std::string_view kName = "smallest";
  static constexpr std::string_view kVersion = "1";
  static void probe(const usher::plugin::Settings&) {}
  Smallest(usher::plugin::Host, const usher::plugin::Settings&) {}
};

}  // namespace

USHER_ADAPTER(Smallest)
