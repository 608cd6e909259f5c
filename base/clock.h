#pragma once

namespace espalier {

/// Seconds since 1970, UTC: what the database keeps, and the time that decisions are told.
double utc_seconds();

}  // namespace espalier
