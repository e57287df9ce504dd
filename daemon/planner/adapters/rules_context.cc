// Rules about context parallelism: rings, hybrids and what they run with.
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/planner/adapters/rule_checks.h"

namespace ithaca::planner {
namespace {

constexpr char kSizes[] = "hierarchical_context_parallel_sizes";
constexpr char kType[] = "cp_comm_type";

bool IsMegatron(const Subject& subject) {
  return subject.config.framework == Framework::kMegatron &&
         subject.config.engine == Engine::kTransformerEngine;
}

// The path of the setting whose last key is `name`; `name` itself: none.
std::string PathOf(const JobConfig& config, const std::string& name) {
  for (const Setting& setting : config.settings) {
    if (setting.path == name || absl::EndsWith(setting.path, "." + name))
      return setting.path;
  }
  return name;
}

std::vector<std::string> Types(const Subject& subject) {
  return SaidWords(subject.config, PathOf(subject.config, kType));
}

bool HasType(const Subject& subject, const std::string& type) {
  for (const std::string& said : Types(subject)) {
    if (said == type) return true;
  }
  return false;
}

std::vector<uint64_t> Sizes(const Subject& subject) {
  return SaidCounts(subject.config, PathOf(subject.config, kSizes));
}

uint64_t ContextDegree(const Subject& subject) {
  const auto said = SaidCounts(subject.config,
                               PathOf(subject.config, "context_parallel_size"));
  return said.empty() ? 1 : said[0];
}

}  // namespace

MaybeHit HierarchicalSizesMissing(const Subject& subject) {
  if (!IsMegatron(subject) || !HasType(subject, "a2a+p2p") ||
      !Sizes(subject).empty())
    return std::nullopt;
  const uint64_t cp = ContextDegree(subject);
  const uint64_t a2a = std::gcd(cp, uint64_t{8});
  return Hit{kSizes,
             "is missing with cp_comm_type a2a+p2p: without it context "
             "parallelism is off, each rank attends to its own tokens alone, "
             "and the speed that is reported is beyond the hardware's "
             "(Megatron-LM's command line stops; its library and Bridge do "
             "not)",
             absl::StrCat("set it to the Ulysses and the ring degree, e.g. ",
                          a2a, " ", cp / a2a)};
}

MaybeHit HierarchicalSizesMismatch(const Subject& subject) {
  const std::vector<uint64_t> sizes = Sizes(subject);
  if (!IsMegatron(subject) || sizes.empty() || !HasType(subject, "a2a+p2p"))
    return std::nullopt;
  uint64_t product = 1;
  for (const uint64_t size : sizes)
    product *= std::min<uint64_t>(size, 1 << 20);
  const uint64_t cp = ContextDegree(subject);
  if (sizes.size() == 2 && product == cp) return std::nullopt;
  return Hit{kSizes,
             absl::StrCat("is ", absl::StrJoin(sizes, " "),
                          ": a2a+p2p takes two sizes whose product is "
                          "context_parallel_size, ",
                          cp),
             absl::StrCat("use e.g. ", std::gcd(cp, uint64_t{8}), " ",
                          cp / std::gcd(cp, uint64_t{8}))};
}

MaybeHit HierarchicalSizesUnused(const Subject& subject) {
  if (!IsMegatron(subject) || Sizes(subject).empty() ||
      HasType(subject, "a2a+p2p"))
    return std::nullopt;
  return Hit{kSizes, "is set, and no cp_comm_type of a2a+p2p reads it",
             "add --cp-comm-type a2a+p2p, or drop it"};
}

MaybeHit ContextSettingUnused(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (SequenceRanks(config) > 1) return std::nullopt;
  const auto unused = [&](const std::string& name, const char* degree) {
    return Hit{name, absl::StrCat("is set, and ", degree, " is 1"),
               absl::StrCat("set ", degree, ", or drop it")};
  };
  if (IsMegatron(subject) && !Types(subject).empty() &&
      ContextDegree(subject) == 1 && !HasType(subject, "p2p"))
    return unused(kType, "context_parallel_size");
  const std::string strategy = PathOf(config, "context_parallel_strategy");
  if ((config.framework == Framework::kMaxtext ||
       config.framework == Framework::kTorchtitan) &&
      SaidWord(config, strategy).has_value())
    return unused(strategy, DegreeField(config).c_str());
  const std::string attention =
      PathOf(config, "parallelism_config_sp_attn_implementation");
  if (config.framework == Framework::kAccelerate &&
      SaidWord(config, attention).has_value())
    return unused(attention, "parallelism_config_sp_size");
  return std::nullopt;
}

MaybeHit CommTypePerLayerCount(const Subject& subject) {
  const std::vector<std::string> types = Types(subject);
  if (!IsMegatron(subject) || types.size() < 2 || subject.model == nullptr ||
      types.size() == subject.model->layers)
    return std::nullopt;
  return Hit{kType,
             absl::StrCat("lists ", types.size(), " types for ",
                          subject.model->layers, " layers"),
             "give one for all layers, or one for each"};
}

MaybeHit WindowWithRing(const Subject& subject) {
  const JobConfig& config = subject.config;
  const bool windowed =
      subject.window > 0 ||
      FindSetting(config, PathOf(config, "window_size")) != nullptr;
  if (!IsMegatron(subject) || !windowed || config.strategy.ring == 1 ||
      HasType(subject, "all_gather") || HasType(subject, "allgather"))
    return std::nullopt;
  return Hit{kType,
             "a ring cannot run sliding-window attention in TransformerEngine",
             "use a2a alone or all_gather"};
}

MaybeHit SoftmaxSinksWithRing(const Subject& subject) {
  const JobConfig& config = subject.config;
  const auto type = SaidWord(config, PathOf(config, "softmax_type"));
  if (!IsMegatron(subject) || !type || *type == "vanilla" ||
      config.strategy.ring == 1)
    return std::nullopt;
  return Hit{"softmax_type",
             absl::StrCat("\"", *type, "\" runs with a2a alone"),
             "use --cp-comm-type a2a"};
}

MaybeHit Fp8CustomRecipe(const Subject& subject) {
  const JobConfig& config = subject.config;
  const auto recipe = SaidWord(config, PathOf(config, "fp8_recipe"));
  if (!IsMegatron(subject) || recipe != "custom" || SequenceRanks(config) == 1)
    return std::nullopt;
  return Hit{"fp8_recipe",
             "a custom recipe is refused with context parallelism",
             "use delayed or tensorwise scaling"};
}

MaybeHit DynamicContextConflict(const Subject& subject) {
  const JobConfig& config = subject.config;
  const auto flag = [&](const char* name) {
    return SaidFlag(config, PathOf(config, name)).value_or(false);
  };
  if (!IsMegatron(subject) ||
      !(flag("dynamic_context_parallel") || flag("hybrid_context_parallel")))
    return std::nullopt;
  const char* conflict = config.strategy.pipeline > 1
                             ? "pipeline_model_parallel_size"
                         : flag("use_megatron_fsdp")   ? "use_megatron_fsdp"
                         : flag("use_torch_fsdp2")     ? "use_torch_fsdp2"
                         : flag("enable_cuda_graph")   ? "enable_cuda_graph"
                         : flag("external_cuda_graph") ? "external_cuda_graph"
                                                       : nullptr;
  if (conflict == nullptr) return std::nullopt;
  return Hit{conflict, "does not run with dynamic context parallelism",
             "drop one of the two"};
}

MaybeHit SpAndCpTogether(const Subject& subject) {
  const Strategy& s = subject.config.strategy;
  if (subject.config.framework != Framework::kAccelerate || s.ulysses == 1 ||
      s.ring == 1)
    return std::nullopt;
  return Hit{"parallelism_config_cp_size",
             absl::StrCat("is ", s.ring, " beside an sp_size of ", s.ulysses,
                          "; accelerate takes one of the two"),
             "set one of them to 1"};
}

MaybeHit RingMiscomputes(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.framework != Framework::kXdit || config.strategy.ring == 1)
    return std::nullopt;
  return Hit{"ring_degree",
             "attention over text and image together, with a mask or a "
             "replicated prefix, never rotates keys around the ring: the "
             "result is incomplete, without an error in older versions",
             "use Ulysses alone, or a version that refuses these models"};
}

MaybeHit RingGradientError(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.engine != Engine::kYunchang || config.strategy.ring <= 4 ||
      !config.work.training)
    return std::nullopt;
  return Hit{"ring_degree",
             absl::StrCat("the gradient of queries is rounded to bf16 once "
                          "per hop: its error grows over ",
                          config.strategy.ring, " hops"),
             "compare gradients with a run of one rank, or use a larger "
             "Ulysses degree"};
}

MaybeHit RingNeedsPaddingFree(const Subject& subject) {
  const JobConfig& config = subject.config;
  if (config.engine != Engine::kSwift || config.strategy.ring == 1 ||
      SaidFlag(config, "padding_free").value_or(false) ||
      SaidFlag(config, "packing").value_or(false))
    return std::nullopt;
  return Hit{"padding_free",
             absl::StrCat("the degree becomes a ring of ", config.strategy.ring,
                          ", which needs batches without padding"),
             "add --padding_free true, or take a degree that divides the "
             "query heads"};
}

MaybeHit UlyssesNeedsNewTorchtitan(const Subject& subject) {
  if (subject.config.engine != Engine::kTorchUlysses ||
      subject.config.strategy.ulysses == 1)
    return std::nullopt;
  return Hit{"parallelism.context_parallel_strategy",
             "Ulysses is in TorchTitan from September 2026 on; before, the "
             "setting is unknown",
             "take that version, or use its ring"};
}

}  // namespace ithaca::planner
