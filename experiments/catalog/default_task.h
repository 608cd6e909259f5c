#pragma once

namespace espalier {

/// What a network learns where its model's description does not say otherwise (tasks.def).
inline constexpr const char* kDefaultTask = "classification";

}  // namespace espalier
