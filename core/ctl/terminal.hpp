// Where usherctl writes: streams, and what the one who reads them can take.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace usher::ctl {

// The exit codes of every command (docs/usherctl.md).
constexpr int kOk = 0;
constexpr int kFailed = 1;       // refused, or something is wrong
constexpr int kUsage = 2;        // bad command line or bad input
constexpr int kUnreachable = 3;  // no agent answers

enum class Colour : std::uint8_t { none, red, yellow, green, bold, faint };

struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  bool colour = false;       // a terminal, and NO_COLOR is not set
  bool interactive = false;  // somebody can answer a question
  bool json = false;

  std::string paint(Colour colour, std::string_view text) const;
  // "usherctl: MESSAGE" on err; the exit code that was given.
  int fail(int code, std::string_view message) const;
};

// Rows under a heading, in columns as wide as their widest cell. Cells are escaped by whoever makes
// them; `Cell.colour` does not count as width.
struct Cell {
  Cell(std::string text_in, Colour colour_in = Colour::none)  // NOLINT: a cell is mostly its text
      : text(std::move(text_in)), colour(colour_in) {}
  Cell(const char* text_in) : text(text_in) {}  // NOLINT
  std::string text;
  Colour colour = Colour::none;
};

class Table {
 public:
  explicit Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  void print(const Terminal& terminal) const;

 private:
  std::vector<std::string> heading_;
  std::vector<std::vector<Cell>> rows_;
};

// How wide UTF-8 text is shown: its code points (what `escape` leaves has no control characters).
std::size_t width(std::string_view text);

}  // namespace usher::ctl
