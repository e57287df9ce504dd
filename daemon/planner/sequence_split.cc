#include "daemon/planner/sequence_split.h"

#include <algorithm>
#include <utility>

namespace ithaca::planner {
namespace {

using Runs = std::vector<TokenRun>;

uint64_t RoundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Adds a run of stride 1, merged with the one before where they touch.
void AddRun(uint64_t start, uint64_t count, Runs& runs) {
  if (count == 0) return;
  if (!runs.empty() && runs.back().start + runs.back().count == start) {
    runs.back().count += count;
  } else {
    runs.push_back({start, count, 1});
  }
}

// The multiple that padding makes a length, or that of each document.
uint64_t PadMultiple(const SplitSpec& spec) {
  if (!spec.pad) return 1;
  const uint64_t members = uint64_t{spec.ring} * spec.ulysses;
  const bool pairs = spec.ring > 1 && (spec.layout == RingLayout::kZigzag ||
                                       spec.layout == RingLayout::kPacked);
  return pairs ? 2 * members : members;
}

// One document after the other, each where its padding puts it.
void PlaceDocuments(const SplitSpec& spec, SequenceSplit& split) {
  std::vector<uint64_t> borders = spec.borders;
  if (borders.empty()) borders = {0, spec.length};
  const uint64_t multiple = PadMultiple(spec);
  const bool each = spec.ring > 1 && spec.layout == RingLayout::kPacked;
  uint64_t next = 0;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    const uint64_t valid = borders[i + 1] - borders[i];
    split.documents.push_back({next, valid});
    next += each ? RoundUp(valid, multiple) : valid;
  }
  split.padded_length = RoundUp(next, multiple);
}

// Pieces r and 2R-1-r of each span between borders; tokens that the pieces do
// not divide go to one piece after the other, on from where the last span
// stopped.
void CutZigzag(const std::vector<uint64_t>& borders, uint32_t ring,
               std::vector<Runs>& parts) {
  const uint64_t pieces = 2 * uint64_t{ring};
  uint64_t turn = 0;
  for (size_t i = 0; i + 1 < borders.size(); ++i) {
    const uint64_t length = borders[i + 1] - borders[i];
    const uint64_t rest = length % pieces;
    uint64_t start = borders[i];
    for (uint64_t piece = 0; piece < pieces; ++piece) {
      const bool larger = (piece + pieces - turn) % pieces < rest;
      const uint64_t count = length / pieces + (larger ? 1 : 0);
      AddRun(start, count, parts[std::min(piece, pieces - 1 - piece)]);
      start += count;
    }
    turn = (turn + rest) % pieces;
  }
}

void CutContiguous(uint64_t length, std::vector<Runs>& parts) {
  const uint64_t rest = length % parts.size();
  uint64_t start = 0;
  for (size_t r = 0; r < parts.size(); ++r) {
    const uint64_t count = length / parts.size() + (r < rest ? 1 : 0);
    AddRun(start, count, parts[r]);
    start += count;
  }
}

void CutStriped(uint64_t length, std::vector<Runs>& parts) {
  const uint64_t ring = parts.size();
  for (uint64_t r = 0; r < ring && r < length; ++r) {
    parts[r].push_back({r, (length - r + ring - 1) / ring, ring});
  }
}

void CutRing(const SplitSpec& spec, SequenceSplit& split) {
  split.ring_runs.resize(spec.ring);
  if (spec.ring == 1 || spec.layout == RingLayout::kContiguous) {
    CutContiguous(split.padded_length, split.ring_runs);
  } else if (spec.layout == RingLayout::kStriped) {
    CutStriped(split.padded_length, split.ring_runs);
  } else {
    std::vector<uint64_t> borders = {0};
    if (spec.layout == RingLayout::kPacked) {
      for (size_t i = 1; i < split.documents.size(); ++i) {
        borders.push_back(split.documents[i].start);
      }
    }
    borders.push_back(split.padded_length);
    CutZigzag(borders, spec.ring, split.ring_runs);
  }
  for (const Runs& runs : split.ring_runs) {
    uint64_t tokens = 0;
    for (const TokenRun& run : runs) tokens += run.count;
    split.ring_tokens.push_back(tokens);
  }
}

// Cuts the next `count` tokens off the front of `runs`, from run `at` on, of
// which `used` tokens are gone.
TokenShare TakeShare(const Runs& runs, uint64_t count,
                     const std::vector<Document>& documents, size_t& at,
                     uint64_t& used) {
  TokenShare share;
  share.count = count;
  while (count > 0) {
    const TokenRun& run = runs[at];
    const uint64_t taken = std::min(count, run.count - used);
    share.runs.push_back(
        {run.start + used * run.stride, taken, taken > 1 ? run.stride : 1});
    share.valid += CountValid(share.runs.back(), documents);
    count -= taken;
    used += taken;
    if (used < run.count) continue;
    ++at;
    used = 0;
  }
  if (share.runs.empty()) share.runs.emplace_back();
  return share;
}

void CutUlysses(const SplitSpec& spec, SequenceSplit& split) {
  for (uint32_t r = 0; r < spec.ring; ++r) {
    const uint64_t tokens = split.ring_tokens[r];
    size_t at = 0;
    uint64_t used = 0;
    for (uint32_t u = 0; u < spec.ulysses; ++u) {
      const uint64_t count =
          tokens / spec.ulysses + (u < tokens % spec.ulysses ? 1 : 0);
      split.shares.push_back(
          TakeShare(split.ring_runs[r], count, split.documents, at, used));
    }
  }
}

// How many of run's tokens are below `end`.
uint64_t Below(const TokenRun& run, uint64_t end) {
  if (end <= run.start) return 0;
  return std::min(run.count, (end - run.start + run.stride - 1) / run.stride);
}

}  // namespace

uint64_t CountValid(const TokenRun& run,
                    const std::vector<Document>& documents) {
  if (run.count == 0) return 0;
  auto document = std::upper_bound(
      documents.begin(), documents.end(), run.start,
      [](uint64_t start, const Document& d) { return start < d.start; });
  if (document != documents.begin()) --document;
  const uint64_t last = run.start + (run.count - 1) * run.stride;
  uint64_t valid = 0;
  for (; document != documents.end() && document->start <= last; ++document) {
    valid += Below(run, document->start + document->valid) -
             Below(run, document->start);
  }
  return valid;
}

SequenceSplit SplitSequence(const SplitSpec& spec) {
  SequenceSplit split;
  PlaceDocuments(spec, split);
  CutRing(spec, split);
  CutUlysses(spec, split);
  return split;
}

}  // namespace ithaca::planner
