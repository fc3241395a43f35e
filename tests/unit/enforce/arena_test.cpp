#include "enforce/arena.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <vector>

using usher::enforce::Arena;
using usher::enforce::Extent;
using usher::enforce::extent_of;

BOOST_AUTO_TEST_SUITE(arena)

BOOST_AUTO_TEST_CASE(cell_zero_is_never_handed_out) {
  Arena arena(8);
  BOOST_TEST(!arena.allocate(8).has_value());
  const auto all = arena.allocate(7);
  BOOST_REQUIRE(all.has_value());
  BOOST_TEST(all->base == 1U);
  BOOST_TEST(!arena.allocate(1).has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_for_and_nothing_given) {
  Arena arena(8);
  BOOST_TEST(!arena.allocate(0).has_value());
  BOOST_TEST(arena.used() == 0U);
}

BOOST_AUTO_TEST_CASE(neighbours_that_come_back_are_one_run_again) {
  Arena arena(31);
  const auto a = arena.allocate(10);
  const auto b = arena.allocate(10);
  const auto c = arena.allocate(10);
  BOOST_REQUIRE((a && b && c));
  BOOST_TEST(arena.largest_free() == 0U);
  arena.release(*a);
  arena.release(*c);
  BOOST_TEST(arena.largest_free() == 10U);
  arena.release(*b);
  BOOST_TEST(arena.largest_free() == 30U);
  BOOST_TEST(arena.used() == 0U);
}

BOOST_AUTO_TEST_CASE(cells_that_are_taken_cannot_be_reserved) {
  Arena arena(100);
  BOOST_TEST(arena.reserve({10, 20}));
  BOOST_TEST(!arena.reserve({29, 1}));
  BOOST_TEST(!arena.reserve({5, 6}));
  BOOST_TEST(!arena.reserve({95, 6}));
  BOOST_TEST(!arena.reserve({0, 1}));
  BOOST_TEST(!arena.reserve({50, 0}));
  BOOST_TEST(!arena.reserve({0xffffffff, 2}));
  BOOST_TEST(arena.reserve({30, 70}));
  BOOST_TEST(arena.reserve({1, 9}));
  BOOST_TEST(arena.used() == 99U);
}

BOOST_AUTO_TEST_CASE(no_cell_ever_has_two_owners) {
  constexpr std::uint32_t kCells = 512;
  std::mt19937 random(7);  // NOLINT: repeats on purpose
  Arena arena(kCells);
  std::vector<bool> taken(kCells);
  std::vector<Extent> held;
  std::uint32_t used = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      if (const auto got = arena.allocate(1 + random() % 40)) {
        for (std::uint32_t cell = got->base; cell < got->base + got->count; ++cell) {
          BOOST_REQUIRE(cell > 0);
          BOOST_REQUIRE(cell < kCells);
          BOOST_REQUIRE(!taken[cell]);
          taken[cell] = true;
        }
        used += got->count;
        held.push_back(*got);
      }
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      for (std::uint32_t cell = held.back().base; cell < held.back().base + held.back().count;
           ++cell) {
        taken[cell] = false;
      }
      used -= held.back().count;
      arena.release(held.back());
      held.pop_back();
    }
    BOOST_REQUIRE(arena.used() == used);
  }
  for (const Extent& extent : held) {
    arena.release(extent);
  }
  BOOST_TEST(arena.largest_free() == kCells - 1);
}

BOOST_AUTO_TEST_CASE(a_header_names_all_of_its_cells) {
  usher_profile header{};
  BOOST_TEST((extent_of(header) == Extent{}));
  header.table = 100;
  header.mask = 7;
  header.vectors = 108;
  header.nvectors = 5;
  header.kind[USHER_EXEC].rules = 17;
  header.kind[USHER_EXEC].rule_ids = 113;
  BOOST_TEST((extent_of(header) == Extent{100, 15}));
  header.table = 200;
  BOOST_TEST((extent_of(header) == Extent{108, 100}));
}

BOOST_AUTO_TEST_SUITE_END()
