#pragma once

#include <initializer_list>

namespace CLI {
class App;
}

namespace espalier {

/// `--help` of the command lists these options, which it has, under a heading of their own.
void group_options(CLI::App& command, const char* heading, std::initializer_list<const char*> options);

}  // namespace espalier
