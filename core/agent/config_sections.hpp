// The tables of usher.toml and guest.toml, each read into its part of the configuration; what is
// wrong goes to the errors that the table was made with.
#pragma once

#include "agent/config.hpp"
#include "agent/toml_reader.hpp"

namespace usher::agent {

void read_agent(TomlTable table, Config& config);
void read_enforcement(TomlTable table, Config& config);
void read_policies(TomlTable table, Config& config);
void read_adapters(TomlTable table, Config& config, TomlErrors& errors,
                   const AdapterPath& adapter_path);
void read_log(TomlTable table, Config& config);
void read_hook(TomlTable table, Config& config);
void read_guest(TomlTable table, Config& config);
void read_compat(TomlTable table, Config& config, TomlErrors& errors);

}  // namespace usher::agent
