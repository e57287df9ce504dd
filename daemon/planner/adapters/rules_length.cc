// Rules about the length of sequences and batches of them.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/planner/adapters/rule_checks.h"

namespace ithaca::planner {
namespace {

// What the length must be a multiple of, and whether it is not.
struct Length {
  explicit Length(const Subject& subject)
      : limits(LimitsOf(subject.config.engine)),
        multiple(
            LengthMultiple(subject.config.engine, subject.config.strategy)),
        tokens(subject.sequence) {}
  bool Misfits() const { return tokens > 0 && tokens % multiple != 0; }
  uint64_t Padded() const { return (tokens / multiple + 1) * multiple; }

  const EngineLimits& limits;
  uint64_t multiple;
  uint64_t tokens;
};

// The setting whose last key is `name`, as a number; 0: none.
uint64_t LastKey(const JobConfig& config, const std::string& name) {
  for (const Setting& setting : config.settings) {
    if (setting.path != name && !absl::EndsWith(setting.path, "." + name))
      continue;
    const auto counts = SaidCounts(config, setting.path);
    if (!counts.empty()) return counts[0];
  }
  return 0;
}

std::optional<bool> LastKeyFlag(const JobConfig& config,
                                const std::string& name) {
  for (const Setting& setting : config.settings) {
    if (setting.path == name || absl::EndsWith(setting.path, "." + name))
      return SaidFlag(config, setting.path);
  }
  return std::nullopt;
}

// verl's budget of tokens per accelerator; 0: none.
uint64_t TokenBudget(const Subject& subject) {
  if (subject.config.framework != Framework::kVerl) return 0;
  const uint64_t budget = LastKey(subject.config, "ppo_max_token_len_per_gpu");
  return budget > 0 ? budget : LastKey(subject.config, "max_token_len_per_gpu");
}

}  // namespace

MaybeHit SequenceSilentlyWrong(const Subject& subject) {
  const Length l(subject);
  if (l.limits.length != LengthRule::kUnchecked || !l.Misfits())
    return std::nullopt;
  return Hit{
      DegreeField(subject.config),
      absl::StrCat(l.limits.name, " never checks that ", l.multiple,
                   " divides the ", l.tokens,
                   " tokens: ranks exchange shares of other lengths "
                   "than their peers expect, and the loss is wrong"),
      absl::StrCat("pad every sequence to ", l.Padded(), " (a multiple of ",
                   l.multiple, ") and mask the padding")};
}

MaybeHit SequenceDoesNotDivide(const Subject& subject) {
  const Length l(subject);
  if (l.limits.length != LengthRule::kRefuses || !l.Misfits())
    return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(l.limits.name, " needs sequences of a multiple of ",
                          l.multiple, ", not ", l.tokens),
             absl::StrCat("pad to ", l.Padded())};
}

MaybeHit SequenceIsPadded(const Subject& subject) {
  const Length l(subject);
  if (l.limits.length != LengthRule::kPads || !l.Misfits()) return std::nullopt;
  return Hit{DegreeField(subject.config),
             absl::StrCat(l.tokens, " tokens are padded to ", l.Padded(),
                          ", which is sent and computed"),
             absl::StrCat("take a length that is a multiple of ", l.multiple)};
}

MaybeHit ChunkDoesNotDivide(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  if (subject.config.engine != Engine::kFpdt || s.attention_chunk == 0 ||
      subject.sequence == 0)
    return std::nullopt;
  const uint64_t chunks = subject.sequence / s.attention_chunk;
  if (subject.sequence % s.attention_chunk == 0 &&
      subject.sequence / s.ulysses % chunks == 0)
    return std::nullopt;
  return Hit{
      "ds_sequence_parallel_fpdt_chunk_size",
      absl::StrCat("chunks of ", s.attention_chunk, " do not divide ",
                   subject.sequence, " tokens on ", s.ulysses, " ranks evenly"),
      "take a chunk that divides the length, and a number of chunks "
      "that divides the tokens of one rank"};
}

MaybeHit MaxNumSeqsDoesNotDivide(const Subject& subject) {
  const uint64_t most = LastKey(subject.config, "max_num_seqs");
  const uint32_t u = subject.config.strategy.ulysses;
  if (subject.config.framework != Framework::kVllm || most % u == 0)
    return std::nullopt;
  return Hit{"max_num_seqs",
             absl::StrCat("is ", most, ", which the degree ", u,
                          " does not divide: capture of the graphs crashes"),
             absl::StrCat("use ", (most / u + 1) * u)};
}

MaybeHit FixedLengthMissing(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kAccelerate ||
      config.strategy.ulysses == 1)
    return std::nullopt;
  const auto variable =
      LastKeyFlag(config, "parallelism_config_sp_seq_length_is_variable");
  if (variable.value_or(true) ||
      LastKey(config, "parallelism_config_sp_seq_length") > 0)
    return std::nullopt;
  return Hit{"parallelism_config_sp_seq_length",
             "is missing, and lengths are said not to vary",
             "set it to the length of a batch, or let lengths vary"};
}

MaybeHit FixedLengthDiffers(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kAccelerate ||
      config.strategy.ulysses == 1)
    return std::nullopt;
  const uint64_t fixed = LastKey(config, "parallelism_config_sp_seq_length");
  const auto variable =
      LastKeyFlag(config, "parallelism_config_sp_seq_length_is_variable");
  if (variable.value_or(true) || fixed == 0 || subject.sequence == 0 ||
      fixed == subject.sequence)
    return std::nullopt;
  return Hit{
      "parallelism_config_sp_seq_length",
      absl::StrCat("is ", fixed, ", the sequences have ", subject.sequence,
                   " tokens"),
      absl::StrCat("set it to ", subject.sequence, ", or let lengths vary")};
}

MaybeHit TokenBudgetTooSmall(const Subject& subject) {
  const uint64_t budget = TokenBudget(subject);
  const uint64_t all = budget * subject.config.strategy.ulysses;
  if (budget == 0 || subject.sequence == 0 || all >= subject.sequence)
    return std::nullopt;
  const uint32_t u = subject.config.strategy.ulysses;
  return Hit{
      "ppo_max_token_len_per_gpu",
      absl::StrCat("is ", budget, " tokens on each of ", u, " ranks, ", all,
                   " together; one sequence has ", subject.sequence),
      absl::StrCat("use at least ", (subject.sequence + u - 1) / u)};
}

MaybeHit TokenBudgetIsMultiplied(const Subject& subject) {
  const uint64_t budget = TokenBudget(subject);
  const uint32_t u = subject.config.strategy.ulysses;
  if (budget == 0 || u == 1 || subject.sequence == 0 ||
      budget < subject.sequence)
    return std::nullopt;
  return Hit{"ppo_max_token_len_per_gpu",
             absl::StrCat("is for one rank and is multiplied by the degree: ",
                          budget, " lets a micro-batch grow to ", budget * u,
                          " tokens, so that the degree saves no memory"),
             absl::StrCat("use ", (subject.sequence + u - 1) / u,
                          " for one sequence of ", subject.sequence,
                          " tokens at once")};
}

MaybeHit DocumentsDoNotDivide(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (!subject.packed || config.engine != Engine::kTransformerEngine ||
      SequenceRanks(config) == 1)
    return std::nullopt;
  const uint64_t multiple = LengthMultiple(config.engine, config.strategy);
  const std::string remedy =
      absl::StrCat("pad each document to a multiple of ", multiple,
                   " and give padded and real cu_seqlens");
  for (const uint64_t length : subject.documents) {
    if (length % multiple == 0) continue;
    return Hit{DegreeField(config),
               absl::StrCat("a packed document of ", length,
                            " tokens is not a multiple of ", multiple,
                            ": its last tokens are dropped"),
               remedy};
  }
  const uint64_t padded_to = LastKey(config, "pad_seq_to_mult");
  const bool padded = padded_to > 0 && padded_to % multiple == 0;
  if (!subject.documents.empty() || padded) return std::nullopt;
  return Hit{DegreeField(config),
             absl::StrCat("packed documents whose lengths are no multiple of ",
                          multiple, " lose their last tokens"),
             remedy};
}

}  // namespace ithaca::planner
