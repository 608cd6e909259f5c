#include "worker/comm/gang_note.h"

#include <nlohmann/json.hpp>

#include "cluster/protocol/wire.h"

namespace espalier {

using nlohmann::json;

std::string encode(const GangNote& note) {
  std::string bytes;
  json::to_cbor(json::array({static_cast<int>(note.kind), note.attempt, note.communicator, bytes_of(note.bytes)}),
                bytes);
  return bytes;
}

GangNote decode_gang_note(std::string_view bytes) {
  try {
    const json wire = json::from_cbor(bytes.begin(), bytes.end());
    Fields fields(wire);
    const int kind = fields.small();
    if (kind > static_cast<int>(GangNote::Kind::withdraw)) refuse_message("an unknown kind of note");
    GangNote note{static_cast<GangNote::Kind>(kind), fields.natural(), fields.natural(), {}};
    note.bytes = fields.bytes();
    return note;
  } catch (const json::exception& error) {
    refuse_message(error.what());
  }
}

}  // namespace espalier
