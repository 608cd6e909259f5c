#include "analysis/printable_text.h"

#include <algorithm>

namespace espalier {

std::string printable_text(std::string text) {
  std::ranges::replace_if(
      text, [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f; }, '?');
  return text;
}

}  // namespace espalier
