// PCI addresses, PCI links and sets of processors as other programs write them.
//
// Used by the readers and writers of files and by discovery. Pure; safe from
// any thread.
#ifndef ITHACA_DAEMON_TOPOLOGY_PCI_TEXT_H_
#define ITHACA_DAEMON_TOPOLOGY_PCI_TEXT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "ithaca/topology/v1/topology.pb.h"

namespace ithaca::topology {

// "dddd:bb:dd.f" in lower case, from that, from eight digits of domain (NVML)
// or without the function (NCCL's "0000:18:00"); the text itself, in lower
// case, when it is none of these.
std::string NormalPciAddress(absl::string_view text);

// Sets the lane rate from "16.0 GT/s PCIe" or "16 GT/s" and the lanes from
// "16"; leaves alone what the texts do not tell ("", "0", "Unknown").
void SetPciLink(absl::string_view speed, absl::string_view width,
                v1::PciLink& link);

// "16.0 GT/s PCIe"; "" when the rate is unknown.
std::string PciSpeedText(const v1::PciLink& link);

// A set of processors as a list, "0-15,64-79", from a mask of 32-bit words in
// hexadecimal, highest first, with or without 0x ("00000000,0000ffff"). "" when
// the mask is malformed or longer than 4096 bits.
std::string CpuListOfMask(absl::string_view mask);

// The reverse, without 0x. "" when the list is malformed or goes beyond 4096.
std::string MaskOfCpuList(absl::string_view list);

// A whole number in decimal or, with 0x, in hexadecimal; nothing for anything
// else, and for what does not fit.
std::optional<uint64_t> ParseWhole(absl::string_view text);

}  // namespace ithaca::topology

#endif  // ITHACA_DAEMON_TOPOLOGY_PCI_TEXT_H_
