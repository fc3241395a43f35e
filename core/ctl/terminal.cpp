#include "ctl/terminal.hpp"

#include <algorithm>

namespace usher::ctl {

std::string Terminal::paint(Colour wanted, std::string_view text) const {
  if (!colour || wanted == Colour::none) {
    return std::string(text);
  }
  const char* code = "";
  switch (wanted) {
    case Colour::red:
      code = "31";
      break;
    case Colour::yellow:
      code = "33";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::bold:
      code = "1";
      break;
    case Colour::faint:
      code = "2";
      break;
    case Colour::none:
      break;
  }
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

int Terminal::fail(int code, std::string_view message) const {
  err << "usherctl: " << message << '\n';
  return code;
}

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

void Table::print(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  for (const auto& name : heading_) {
    widths.push_back(width(name));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i].text));
    }
  }
  const auto cell = [&](std::size_t i, std::size_t columns, Colour colour,
                        const std::string& text) {
    terminal.out << terminal.paint(colour, text);
    if (i + 1 < columns) {
      terminal.out << std::string(widths[i] - width(text) + 2, ' ');
    }
  };
  for (std::size_t i = 0; i < heading_.size(); ++i) {
    cell(i, heading_.size(), Colour::bold, heading_[i]);
  }
  terminal.out << '\n';
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      cell(i, row.size(), row[i].colour, row[i].text);
    }
    terminal.out << '\n';
  }
}

}  // namespace usher::ctl
