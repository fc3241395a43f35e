#include "adapter/elf_symbols.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/file.hpp"

namespace usher::adapter {
namespace {

constexpr std::size_t kLargest = 256U << 20;

// A T at `offset` of the file, or nothing where the file ends before.
template <class T>
std::optional<T> at(const std::string& file, std::uint64_t offset) {
  if (offset > file.size() || file.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T out;
  std::memcpy(&out, file.data() + offset, sizeof out);
  return out;
}

std::string name_at(const std::string& file, const Elf64_Shdr& strings, std::uint32_t name) {
  if (name >= strings.sh_size || strings.sh_offset >= file.size()) {
    return {};
  }
  const auto begin = std::min<std::uint64_t>(strings.sh_offset + name, file.size());
  return {file.c_str() + begin};  // a std::string ends with a NUL
}

bool is_exported(const Elf64_Sym& symbol) {
  const auto binding = ELF64_ST_BIND(symbol.st_info);
  const auto visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  return symbol.st_shndx != SHN_UNDEF && binding != STB_LOCAL && visibility != STV_HIDDEN &&
         visibility != STV_INTERNAL;
}

}  // namespace

Result<std::vector<std::string>> exported_symbols(const std::filesystem::path& path) {
  const auto file = read_file(path, kLargest);
  if (!file) {
    return std::unexpected(file.error());
  }
  const auto header = at<Elf64_Ehdr>(*file, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64) {
    return fail(path.string() + " is no 64-bit ELF file");
  }
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < header->e_shnum; ++i) {
    const auto section = at<Elf64_Shdr>(*file, header->e_shoff + i * sizeof(Elf64_Shdr));
    if (!section || section->sh_type != SHT_DYNSYM) {
      continue;
    }
    const auto strings =
        at<Elf64_Shdr>(*file, header->e_shoff + section->sh_link * sizeof(Elf64_Shdr));
    for (std::uint64_t offset = 0; strings && offset < section->sh_size;
         offset += sizeof(Elf64_Sym)) {
      const auto symbol = at<Elf64_Sym>(*file, section->sh_offset + offset);
      if (!symbol) {
        break;
      }
      if (is_exported(*symbol)) {
        names.push_back(name_at(*file, *strings, symbol->st_name));
      }
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace usher::adapter
