#include "daemon/planner/cost/memory.h"

namespace ithaca::planner {
namespace {

std::string GiB(double bytes) {
  // Two decimals, without a locale.
  const long hundredths = static_cast<long>(bytes / (1 << 30) * 100 + 0.5);
  const std::string rest = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." +
         (rest.size() < 2 ? "0" + rest : rest) + " GiB";
}

}  // namespace

const char* NameOf(DevicePart part) {
  constexpr const char* kNames[kDeviceParts] = {
      "parameters", "gathered", "gradients",     "buckets",   "optimizer",
      "kept",       "layer",    "mlp",           "attention", "all_to_all",
      "ring",       "logits",   "communication", "context",   "fragmentation"};
  return kNames[static_cast<size_t>(part)];
}

const char* NameOf(HostPart part) {
  constexpr const char* kNames[kHostParts] = {
      "parameters", "gradients", "optimizer", "kept", "chunks", "plugin"};
  return kNames[static_cast<size_t>(part)];
}

const char* NameOf(Moment moment) {
  constexpr const char* kNames[kMoments] = {"feed-forward block", "norm",
                                            "attention", "all-to-all", "loss"};
  return kNames[static_cast<size_t>(moment)];
}

const char* NameOf(Binding binding) {
  switch (binding) {
    case Binding::kNone:
      return "none";
    case Binding::kDevice:
      return "device memory";
    case Binding::kHost:
      return "host memory";
    case Binding::kIndex:
      return "32-bit index";
  }
  return "unknown";
}

std::vector<std::string> Sentences(const MemoryAssumptions& a) {
  const Precision& p = a.precision;
  std::vector<std::string> lines;
  lines.push_back("A parameter takes " + std::to_string(p.parameter_bytes) +
                  " bytes, its gradient " + std::to_string(p.gradient_bytes) +
                  " and its optimizer state " +
                  std::to_string(p.optimizer_bytes) + ".");
  lines.push_back(a.fused_attention
                      ? "Attention is fused: no scores are written."
                      : "Attention writes its scores: 5 bytes each are kept.");
  if (a.expanded_kv) {
    lines.push_back("Keys and values are repeated for every query head.");
  } else if (a.grouped_gradients == GroupedGradients::kPerQueryHead) {
    lines.push_back(
        "The gradients of keys and values are written for every query head.");
  }
  if (!a.fused_norm) lines.push_back("Norms keep fp32 copies of their input.");
  lines.push_back(
      a.fused_pack
          ? "The all-to-all packs q, k and v into one buffer and receives one."
          : "The all-to-all holds each tensor three times.");
  lines.push_back("ZeRO reduces gradients in buckets of " +
                  std::to_string(a.bucket_elements) + " elements.");
  lines.push_back("The CUDA context takes " +
                  GiB(static_cast<double>(a.context_bytes)) + "; NCCL has " +
                  std::to_string(a.nccl_channels) + " channels per group and " +
                  std::to_string(a.nccl_channels_per_peer) +
                  " per peer of an all-to-all.");
  lines.push_back(
      "Fragmentation loses " +
      std::to_string(static_cast<int>(a.fragmentation * 100 + 0.5)) +
      " % of activations.");
  return lines;
}

}  // namespace ithaca::planner
