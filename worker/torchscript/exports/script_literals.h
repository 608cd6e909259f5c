#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

// Values as TorchScript writes them, which is Python. Pure.

std::string script_literal(std::int64_t value);
/// A float, never an int: "1." for 1. The shortest text that reads back as the same number.
std::string script_literal(double value);
std::string script_literal(const std::vector<std::int64_t>& values);
std::string script_literal(bool value);

bool is_python_keyword(std::string_view name);

/// `of.name`, or where `name`, which has no quotes and backslashes and is no keyword, is no name of Python's
/// getattr(of, "name").
std::string script_attribute(const std::string& of, std::string_view name);

/// What is no letter, digit or underscore becomes an underscore.
std::string script_identifier(std::string_view text);

}  // namespace espalier
