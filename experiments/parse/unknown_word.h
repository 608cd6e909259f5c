#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier {

/// unknown_name of base/suggest.h for a word of a sweep, with a guess also where the literature or other programs have
/// another word for a choice (learning_rate for lr, l1 for magnitude), and where `elsewhere`, whole paths of keys, has
/// one that ends so (train.lr for lr).
std::string unknown_word(std::string_view found, const std::vector<std::string>& choices,
                         const std::vector<std::string>& elsewhere = {});

}  // namespace espalier
