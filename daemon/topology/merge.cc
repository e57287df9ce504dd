#include "daemon/topology/merge.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/topology/check.h"
#include "daemon/topology/origins.h"

namespace ithaca::topology {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Fields that are merged by their own rules, or are no facts.
const std::set<std::string>& NotGeneric() {
  static const auto* const names = new std::set<std::string>{
      "name",       "origins",     "accelerators", "rails",
      "numa_nodes", "local_index", "index",        "pods"};
  return *names;
}

std::string TextOf(const Message& message, const FieldDescriptor* field) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  if (!field->is_repeated()) {
    printer.PrintFieldValueToString(message, field, -1, &text);
    return text;
  }
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    std::string one;
    printer.PrintFieldValueToString(message, field, i, &one);
    absl::StrAppend(&text, i == 0 ? "" : ", ", one);
  }
  return text;
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  return field->is_repeated() ? reflection.FieldSize(message, field) > 0
                              : reflection.HasField(message, field);
}

// Takes one source after the other into a topology.
class Merger {
 public:
  void Add(const v1::Topology& from);
  absl::StatusOr<Merged> Finish();

 private:
  void AddLevels(const v1::Topology& from, const v1::Origin* outer);
  void AddNode(const v1::Node& from, const v1::Origin* outer, bool with_pods);
  // Copies a message that the topology lacks; its origins are renumbered, and
  // `outer` is spelled out.
  template <typename T>
  T Renumbered(T message, const v1::Origin* outer) const;
  // Fills the facts of `into` from `from` and tells conflicts.
  template <typename T>
  void Fill(const std::string& path, const T& from,
            const v1::Origin* from_outer, const v1::Origin* into_outer,
            T& into);
  template <typename T>
  void FillField(const std::string& path, const FieldDescriptor* field,
                 const T& from, const v1::Origin* from_outer,
                 const v1::Origin* into_outer, T& into);
  // The same inside a message without origins of its own.
  void FillInside(const std::string& path, const Message& from,
                  const v1::Origin* from_origin, const v1::Origin* into_origin,
                  Message& into);
  void Tell(const std::string& field, const std::string& taken,
            const v1::Origin* taken_from, const std::string& dropped,
            const v1::Origin* dropped_from);

  v1::Topology into_;
  const v1::Topology* from_ = nullptr;
  uint32_t shift_ = 0;  // added to the sources' numbers of `from_`
  std::unordered_map<std::string, int> by_name_;
  std::vector<v1::Conflict> conflicts_;
};

void Merger::Tell(const std::string& field, const std::string& taken,
                  const v1::Origin* taken_from, const std::string& dropped,
                  const v1::Origin* dropped_from) {
  if (conflicts_.size() >= kMaxConflicts) return;
  const auto text = [](const std::string& value, const std::string& origin) {
    return absl::StrCat(value.substr(0, 200), " (", origin, ")");
  };
  v1::Conflict conflict;
  conflict.set_field(field);
  conflict.set_taken(text(taken, OriginText(into_, taken_from)));
  conflict.set_dropped(text(dropped, OriginText(*from_, dropped_from)));
  conflicts_.push_back(std::move(conflict));
}

void Merger::FillInside(const std::string& path, const Message& from,
                        const v1::Origin* from_origin,
                        const v1::Origin* into_origin, Message& into) {
  for (int i = 0; i < from.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = from.GetDescriptor()->field(i);
    if (!IsSet(from, field)) continue;
    const std::string told = TextOf(from, field);
    if (!IsSet(into, field)) {
      const std::unique_ptr<Message> copy(from.New());
      copy->CopyFrom(from);
      into.GetReflection()->SwapFields(&into, copy.get(), {field});
    } else if (const std::string taken = TextOf(into, field); taken != told) {
      Tell(absl::StrCat(path, ".", field->name()), taken, into_origin, told,
           from_origin);
    }
  }
}

template <typename T>
T Merger::Renumbered(T message, const v1::Origin* outer) const {
  bool is_complete = false;
  for (v1::Origin& origin : *message.mutable_origins()) {
    origin.set_source(origin.source() + shift_);
    is_complete = is_complete || origin.fields_size() == 0;
  }
  if (!is_complete && outer != nullptr) {
    v1::Origin& origin = *message.add_origins();
    origin.set_source(outer->source() + shift_);
    origin.set_location(outer->location());
  }
  return message;
}

template <typename T>
void Merger::FillField(const std::string& path, const FieldDescriptor* field,
                       const T& from, const v1::Origin* from_outer,
                       const v1::Origin* into_outer, T& into) {
  if (!IsSet(from, field)) return;
  const v1::Origin* origin =
      OriginOfField(from.origins(), field->name(), from_outer);
  const std::string told = TextOf(from, field);
  if (IsSet(into, field)) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
        !field->is_repeated()) {
      return FillInside(
          absl::StrCat(path, ".", field->name()),
          from.GetReflection()->GetMessage(from, field), origin,
          OriginOfField(into.origins(), field->name(), into_outer),
          *into.GetReflection()->MutableMessage(&into, field));
    }
    const std::string taken = TextOf(into, field);
    if (taken != told) {
      Tell(absl::StrCat(path, ".", field->name()), taken,
           OriginOfField(into.origins(), field->name(), into_outer), told,
           origin);
    }
    return;
  }
  T copy;
  copy.CopyFrom(from);
  into.GetReflection()->SwapFields(&into, &copy, {field});
  if (origin != nullptr)
    SetOrigin(field->name(), origin->source() + shift_, origin->location(),
              *into.mutable_origins());
}

template <typename T>
void Merger::Fill(const std::string& path, const T& from,
                  const v1::Origin* from_outer, const v1::Origin* into_outer,
                  T& into) {
  for (int i = 0; i < T::descriptor()->field_count(); ++i) {
    const FieldDescriptor* field = T::descriptor()->field(i);
    if (NotGeneric().count(field->name()) == 0)
      FillField(path, field, from, from_outer, into_outer, into);
  }
}

void Merger::AddLevels(const v1::Topology& from, const v1::Origin* outer) {
  const v1::Origin* into_outer = OriginOfField(into_.origins(), "", nullptr);
  for (v1::Level& level : *into_.mutable_levels()) {
    for (const v1::Level& same : from.levels()) {
      if (same.name() == level.name())
        Fill(absl::StrCat("levels[", level.name(), "]"), same, outer,
             into_outer, level);
    }
  }
}

bool IsSame(const v1::Rail& a, const v1::Rail& b) {
  if (a.name() == b.name()) return true;
  const auto rdma = [](const v1::Rail& rail) {
    return rail.rdma_device().empty() ? rail.name() : rail.rdma_device();
  };
  if (rdma(a) == rdma(b)) return true;
  return !a.pci_address().empty() && a.pci_address() == b.pci_address() &&
         (!a.has_port() || !b.has_port() || a.port() == b.port());
}

bool IsSame(const v1::NumaNode& a, const v1::NumaNode& b) {
  return a.index() == b.index();
}

// Which of `ours` is the same as `one`; null when none is.
template <typename List, typename Device>
Device* FindSame(List& ours, const Device& one) {
  const auto same =
      std::find_if(ours.begin(), ours.end(),
                   [&one](const Device& each) { return IsSame(each, one); });
  return same == ours.end() ? nullptr : &*same;
}

// The address is what it is; without one, or without an equal one, the number.
template <typename List>
v1::Accelerator* FindSame(List& ours, const v1::Accelerator& one) {
  for (v1::Accelerator& each : ours)
    if (!one.pci_address().empty() && each.pci_address() == one.pci_address())
      return &each;
  for (v1::Accelerator& each : ours)
    if (each.local_index() == one.local_index()) return &each;
  return nullptr;
}

std::string KeyOf(const v1::Accelerator& a) {
  return absl::StrCat("accelerators[", a.local_index(), "]");
}
std::string KeyOf(const v1::Rail& rail) {
  return absl::StrCat("rails[", rail.name(), "]");
}
std::string KeyOf(const v1::NumaNode& numa) {
  return absl::StrCat("numa_nodes[", numa.index(), "]");
}

void Merger::AddNode(const v1::Node& from, const v1::Origin* outer,
                     bool with_pods) {
  const v1::Origin* from_outer = OriginOfField(from.origins(), "", outer);
  const auto [found, is_new] =
      by_name_.emplace(from.name(), into_.nodes_size());
  if (is_new) {
    v1::Node& node = *into_.add_nodes();
    node = Renumbered(from, outer);
    if (!with_pods) node.clear_pods();
    for (auto& a : *node.mutable_accelerators()) a = Renumbered(a, nullptr);
    for (auto& rail : *node.mutable_rails()) rail = Renumbered(rail, nullptr);
    for (auto& numa : *node.mutable_numa_nodes())
      numa = Renumbered(numa, nullptr);
    return;
  }
  v1::Node& into = *into_.mutable_nodes(found->second);
  const std::string path = absl::StrCat("nodes[", from.name(), "]");
  // By value: adding origins moves the entries.
  const v1::Origin* top = OriginOfField(into_.origins(), "", nullptr);
  std::optional<v1::Origin> own;
  if (const v1::Origin* at = OriginOfField(into.origins(), "", top)) own = *at;
  const v1::Origin* into_outer = own ? &*own : nullptr;
  Fill(path, from, outer, top, into);
  if (with_pods)
    FillField(path, v1::Node::descriptor()->FindFieldByName("pods"), from,
              outer, top, into);
  const auto fill_all = [&](const auto& theirs, auto& ours) {
    for (const auto& one : theirs) {
      auto* same = FindSame(ours, one);
      if (same == nullptr) {
        *ours.Add() = Renumbered(one, from_outer);
      } else {
        Fill(absl::StrCat(path, ".", KeyOf(*same)), one, from_outer, into_outer,
             *same);
      }
    }
  };
  fill_all(from.accelerators(), *into.mutable_accelerators());
  fill_all(from.rails(), *into.mutable_rails());
  fill_all(from.numa_nodes(), *into.mutable_numa_nodes());
}

void Merger::Add(const v1::Topology& from) {
  from_ = &from;
  shift_ = static_cast<uint32_t>(into_.sources_size());
  into_.mutable_sources()->MergeFrom(from.sources());
  const v1::Origin* outer = OriginOfField(from.origins(), "", nullptr);
  const auto names = [](const v1::Topology& topology) {
    std::string all;
    for (const v1::Level& level : topology.levels())
      absl::StrAppend(&all, all.empty() ? "" : ", ", level.name());
    return all;
  };
  const std::string ours = names(into_), theirs = names(from);
  if (ours.empty()) {
    for (const v1::Level& level : from.levels())
      *into_.add_levels() = Renumbered(level, outer);
  } else if (ours == theirs) {
    AddLevels(from, outer);
  } else if (!theirs.empty()) {
    Tell("levels", ours, OriginOfField(into_.levels(0).origins(), "", nullptr),
         theirs, OriginOfField(from.levels(0).origins(), "", outer));
  }
  const bool with_pods = ours.empty() || ours == theirs;
  for (const v1::Node& node : from.nodes()) AddNode(node, outer, with_pods);
}

absl::StatusOr<Merged> Merger::Finish() {
  if (absl::Status s = CheckTopology(into_, "merged"); !s.ok()) return s;
  return Merged{std::move(into_), std::move(conflicts_)};
}

}  // namespace

absl::StatusOr<Merged> MergeTopologies(
    const std::vector<v1::Topology>& topologies) {
  Merger merger;
  for (const v1::Topology& topology : topologies) merger.Add(topology);
  return merger.Finish();
}

}  // namespace ithaca::topology
