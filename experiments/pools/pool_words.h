#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace espalier {

// The allowed forms of a batch scheduler's words. They end up in a script that a shell runs, so each kind has a strict
// pattern: nothing that a shell or a scheduler would take for syntax. Pure.

/// A pool's label, a partition, an account: letters, digits and `_ . -` inside, at most 60.
bool is_pool_name(std::string_view text);
/// A partition list, an account, a QOS: as a name, with `, @ + :` too, at most 200.
bool is_scheduler_name(std::string_view text);
/// A constraint (`[a100|v100]`, `gpu&ib`, `nvlink*2`) or the value of an option: no blank, quote, `$`, `#` or
/// backslash.
bool is_scheduler_value(std::string_view text);
/// `cuda/12.1`, `openmpi/4.1.4-gcc`: what `module load` takes.
bool is_module_name(std::string_view text);
/// `OMP_NUM_THREADS`.
bool is_variable_name(std::string_view text);
/// An absolute path, or one word of a program's arguments: printable ASCII without quotes, backslash, `$`, `%`, `#`,
/// backquote. A blank is fine.
bool is_plain_word(std::string_view text);

/// Slurm's spellings: `90` (minutes), `90:00`, `2:30:00`, `1-12`, `1-12:30`, `1-12:30:00`. Seconds; nothing for another
/// text, or 0.
std::optional<std::int64_t> parse_time_limit(std::string_view text);
/// `1-12:30:00`, `02:30:00`.
std::string time_limit_text(std::int64_t seconds);

inline constexpr const char* kTimeLimitForms = "a time such as 90 (minutes), 2:30:00 or 1-12:00:00";

}  // namespace espalier
