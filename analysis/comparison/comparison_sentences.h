#pragma once

#include <string>

#include "analysis/comparison/comparison.h"

namespace espalier {

// The sentences around the tables of a comparison.

/// `2 diverged, 1 at chance`.
std::string counts_text(const Outcomes& outcomes);

/// What a block is of: sweep, model, dataset, variant.
std::string title_of(const ComparisonBlock& block);

/// The accuracy that its dense networks have, with its interval, and which of them did not learn.
std::string dense_text(const ComparisonBlock& block);

/// What must be known before a number is read: how much of a sweep there is. Nothing of one that is done.
std::string unfinished_text(const Comparison& comparison);

/// The verdicts counted, what marks and intervals mean, and what was not compared and why.
std::string legend_of(const Comparison& comparison);

}  // namespace espalier
