#pragma once

#include "tests/fuzz/target.h"

namespace espalier {

/// The piece again and again, a mebibyte in all.
std::string mebibyte_of(const std::string& piece);

/// Without seeds and a reader: what every kind of CBOR is refused for, and what may be held for it.
FuzzTarget wire_target(const char* name);

FuzzTarget cifar10_target();
FuzzTarget commands_target();
FuzzTarget connection_file_target();
FuzzTarget crash_note_target();
FuzzTarget file_names_target();
FuzzTarget frames_target();
FuzzTarget idx_target();
FuzzTarget option_values_target();
FuzzTarget outcomes_target();
FuzzTarget reports_target();
FuzzTarget safetensors_target();
FuzzTarget stage_specs_target();
FuzzTarget sweeps_target();

}  // namespace espalier
