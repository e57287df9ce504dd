// Which strategies can run, and why the others cannot.
//
// Used by the enumeration of strategies, by refusals and by the nearest legal
// choice. Pure; safe from any thread. The checks allocate nothing; sentences
// are made only for what is told.
#ifndef ITHACA_DAEMON_PLANNER_SEARCH_LEGAL_H_
#define ITHACA_DAEMON_PLANNER_SEARCH_LEGAL_H_

#include <cstdint>
#include <string>

#include "daemon/planner/cost/job.h"
#include "daemon/planner/request.h"
#include "ithaca/planner/v1/planner.pb.h"

namespace ithaca::planner {

// A strategy with what the API says of it besides.
struct Choice {
  Strategy strategy;
  v1::SequenceLayout layout = v1::SEQUENCE_LAYOUT_CONTIGUOUS;
};

// REJECTION_CODE_UNSPECIFIED: nothing is wrong.
using Fault = v1::RejectionCode;
inline constexpr Fault kNoFault = v1::REJECTION_CODE_UNSPECIFIED;

// The family of the heads over one Ulysses group, the ring aside. REQUIRES: the
// tensor degree is legal, ulysses <= heads / tensor.
v1::Family HeadFamilyOf(const v1::Model& model, uint32_t tensor,
                        uint32_t ulysses);

// The family of a mesh. REQUIRES: as HeadFamilyOf.
v1::Family FamilyOf(const v1::Model& model, const Strategy& strategy);

// Whether a job with these constraints can run the strategy's family. One that
// runs uneven maps runs replicated and even ones too, and one that runs
// replicated maps even ones; within a ring the head map counts as well, where
// families of Ulysses are listed.
bool CanRunFamily(const v1::Constraints& constraints, const v1::Model& model,
                  const Strategy& strategy);

// What is wrong with the degrees, families and frameworks aside.
Fault CheckMesh(const Request& request, const Strategy& strategy);

// What is wrong with the rest of it. REQUIRES: CheckMesh finds nothing.
Fault CheckSettings(const Request& request, const Choice& choice);

// Whether the bytes of one layer are sure to fit 63 bits.
bool BytesFit(const Request& request, const Strategy& strategy);

// Why, for people, without a remedy: a sentence for what the two checks found.
std::string MeshReason(const Request& request, const Strategy& strategy,
                       Fault fault);
std::string SettingsReason(const Request& request, const Choice& choice);

// How a ring of this model and workload spreads its tokens when nobody says.
v1::SequenceLayout DefaultLayout(const Request& request, uint32_t ring);

}  // namespace ithaca::planner

#endif  // ITHACA_DAEMON_PLANNER_SEARCH_LEGAL_H_
