#include "analysis/failures/failure_signature.h"

#include <vector>

#include "analysis/failures/backtrace_functions.h"
#include "analysis/failures/normalized_message.h"
#include "analysis/failures/signal_name.h"

namespace espalier {
namespace {

std::string without_half_a_character(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

}  // namespace

std::string failure_signature(const ChargedFailureRow& failure) {
  std::string text = failure.cause;
  if (failure.signal) text += " " + signal_name(*failure.signal);
  const std::vector<std::string> functions = backtrace_functions(failure.backtrace);
  if (functions.empty()) {
    if (!failure.signal && failure.exit_code) text += " exit " + std::to_string(*failure.exit_code);
    const std::string message = normalized_message(failure.message);
    if (!message.empty()) text += ": " + message;
    return without_half_a_character(std::move(text), kLongestSignature);
  }
  text += " in ";
  for (const std::string& function : functions) text += (&function == &functions.front() ? "" : " < ") + function;
  return without_half_a_character(std::move(text), kLongestSignature);
}

}  // namespace espalier
