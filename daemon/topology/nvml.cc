#include "daemon/topology/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/topology/nvml_abi.h"
#include "daemon/topology/pci_text.h"

namespace ithaca::topology {
namespace {

constexpr unsigned kMaxGpus = 1024;

// The text in a buffer that may lack its end.
template <size_t kSize>
std::string TextOf(const char (&buffer)[kSize]) {
  return std::string(buffer, std::find(buffer, buffer + kSize, '\0'));
}

class Library : public Nvml {
 public:
  explicit Library(void* handle) : handle_(handle) {}
  ~Library() override {
    if (started_) shutdown_();
    dlclose(handle_);
  }

  absl::Status Start(const std::string& name);
  absl::StatusOr<std::vector<NvmlGpu>> Gpus() override;

 private:
  template <typename Function>
  bool Load(const char* symbol, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    return function != nullptr;
  }
  std::string Words(nvml::Return code) const {
    const char* text = error_string_(code);
    return text == nullptr ? absl::StrCat("error ", code) : text;
  }
  NvmlGpu Describe(nvml::Device device) const;
  void AddLinks(nvml::Device device, NvmlGpu& gpu) const;
  void AddFabric(nvml::Device device, NvmlGpu& gpu) const;
  std::string Text(nvml::TextFn function, nvml::Device device) const;
  std::optional<uint32_t> Number(nvml::NumberFn function,
                                 nvml::Device device) const;

  void* const handle_;
  bool started_ = false;
  // Required.
  nvml::InitFn init_ = nullptr;
  nvml::InitFn shutdown_ = nullptr;
  nvml::ErrorStringFn error_string_ = nullptr;
  nvml::CountFn count_ = nullptr;
  nvml::HandleFn by_index_ = nullptr;
  nvml::PciFn pci_ = nullptr;
  // Null in libraries that lack them.
  nvml::TextFn name_ = nullptr;
  nvml::TextFn uuid_ = nullptr;
  nvml::MemoryFn memory_ = nullptr;
  nvml::CapabilityFn capability_ = nullptr;
  nvml::NumberFn generation_ = nullptr;
  nvml::NumberFn lanes_ = nullptr;
  nvml::LinkNumberFn link_state_ = nullptr;
  nvml::LinkNumberFn link_type_ = nullptr;
  nvml::LinkPciFn link_pci_ = nullptr;
  nvml::FabricFn fabric_ = nullptr;
};

absl::Status Library::Start(const std::string& name) {
  const bool complete = Load("nvmlInit_v2", init_) &&
                        Load("nvmlShutdown", shutdown_) &&
                        Load("nvmlErrorString", error_string_) &&
                        Load("nvmlDeviceGetCount_v2", count_) &&
                        Load("nvmlDeviceGetHandleByIndex_v2", by_index_) &&
                        Load("nvmlDeviceGetPciInfo_v3", pci_);
  if (!complete) {
    return absl::NotFoundError(absl::StrCat(
        name, " lacks functions of NVML; update the NVIDIA driver"));
  }
  Load("nvmlDeviceGetName", name_);
  Load("nvmlDeviceGetUUID", uuid_);
  Load("nvmlDeviceGetMemoryInfo", memory_);
  Load("nvmlDeviceGetCudaComputeCapability", capability_);
  Load("nvmlDeviceGetMaxPcieLinkGeneration", generation_);
  Load("nvmlDeviceGetMaxPcieLinkWidth", lanes_);
  Load("nvmlDeviceGetNvLinkState", link_state_);
  Load("nvmlDeviceGetNvLinkRemoteDeviceType", link_type_);
  Load("nvmlDeviceGetNvLinkRemotePciInfo_v2", link_pci_);
  Load("nvmlDeviceGetGpuFabricInfo", fabric_);
  const nvml::Return code = init_();
  if (code != nvml::kSuccess) {
    return absl::FailedPreconditionError(
        absl::StrCat("NVML does not start: ", Words(code)));
  }
  started_ = true;
  return absl::OkStatus();
}

std::string Library::Text(nvml::TextFn function, nvml::Device device) const {
  char buffer[96] = {};
  if (function == nullptr ||
      function(device, buffer, sizeof buffer) != nvml::kSuccess)
    return "";
  return TextOf(buffer);
}

std::optional<uint32_t> Library::Number(nvml::NumberFn function,
                                        nvml::Device device) const {
  unsigned number = 0;
  if (function == nullptr || function(device, &number) != nvml::kSuccess ||
      number == 0)
    return std::nullopt;
  return number;
}

void Library::AddLinks(nvml::Device device, NvmlGpu& gpu) const {
  if (link_state_ == nullptr || link_pci_ == nullptr) return;
  for (unsigned link = 0; link < nvml::kMaxLinks; ++link) {
    unsigned active = 0, type = nvml::kSwitch;
    nvml::PciInfo remote{};
    if (link_state_(device, link, &active) != nvml::kSuccess || active == 0 ||
        link_pci_(device, link, &remote) != nvml::kSuccess)
      continue;
    const bool typed = link_type_ != nullptr &&
                       link_type_(device, link, &type) == nvml::kSuccess;
    gpu.links.push_back({NormalPciAddress(TextOf(remote.address)),
                         typed && type == nvml::kSwitch});
  }
}

void Library::AddFabric(nvml::Device device, NvmlGpu& gpu) const {
  nvml::FabricInfo info{};
  if (fabric_ == nullptr || fabric_(device, &info) != nvml::kSuccess ||
      info.state != nvml::kFabricCompleted || info.status != nvml::kSuccess)
    return;
  const bool is_cluster =
      std::any_of(std::begin(info.cluster), std::end(info.cluster),
                  [](unsigned char c) { return c != 0; });
  if (!is_cluster) return;  // a single board reports zeros
  for (size_t i = 0; i < sizeof info.cluster; ++i) {
    const bool dash = i == 4 || i == 6 || i == 8 || i == 10;
    absl::StrAppendFormat(&gpu.fabric, dash ? "-%02x" : "%02x",
                          info.cluster[i]);
  }
  absl::StrAppend(&gpu.fabric, ".", info.clique);
}

NvmlGpu Library::Describe(nvml::Device device) const {
  NvmlGpu gpu;
  gpu.name = Text(name_, device);
  gpu.uuid = Text(uuid_, device);
  nvml::PciInfo pci{};
  if (pci_(device, &pci) == nvml::kSuccess)
    gpu.pci_address = NormalPciAddress(TextOf(pci.address));
  nvml::Memory memory{};
  if (memory_ != nullptr && memory_(device, &memory) == nvml::kSuccess &&
      memory.total > 0)
    gpu.memory_bytes = memory.total;
  int major = 0, minor = 0;
  if (capability_ != nullptr &&
      capability_(device, &major, &minor) == nvml::kSuccess && major > 0)
    gpu.compute_capability = static_cast<uint32_t>(major * 10 + minor);
  gpu.pci_generation = Number(generation_, device);
  gpu.pci_lanes = Number(lanes_, device);
  AddLinks(device, gpu);
  AddFabric(device, gpu);
  return gpu;
}

absl::StatusOr<std::vector<NvmlGpu>> Library::Gpus() {
  unsigned count = 0;
  nvml::Return code = count_(&count);
  if (code != nvml::kSuccess) {
    return absl::InternalError(
        absl::StrCat("NVML does not count the GPUs: ", Words(code)));
  }
  std::vector<NvmlGpu> gpus;
  for (unsigned i = 0; i < std::min(count, kMaxGpus); ++i) {
    nvml::Device device = nullptr;
    code = by_index_(i, &device);
    if (code != nvml::kSuccess) {
      return absl::InternalError(
          absl::StrCat("NVML does not open GPU ", i, ": ", Words(code)));
    }
    gpus.push_back(Describe(device));
  }
  return gpus;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Nvml>> Nvml::Open(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return absl::NotFoundError(
        absl::StrCat("NVML is not here: ", why == nullptr ? library : why));
  }
  auto opened = std::make_unique<Library>(handle);
  if (absl::Status s = opened->Start(library); !s.ok()) return s;
  return opened;
}

}  // namespace ithaca::topology
