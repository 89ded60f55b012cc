#include <array>

#include "harness/compare/policy.h"

namespace assay::compare {

namespace {

constexpr std::array<std::string_view, 10> kVerdictNames{"passed",  "failed",      "unverified", "xfail", "xpass",
                                                         "skipped", "unsupported", "error",      "crash", "hang"};

}  // namespace

std::string_view name(Verdict verdict) { return kVerdictNames[static_cast<std::size_t>(verdict)]; }

std::optional<Verdict> parse_verdict(std::string_view name) {
  for (std::size_t i = 0; i < kVerdictNames.size(); ++i)
    if (kVerdictNames[i] == name) return static_cast<Verdict>(i);
  return std::nullopt;
}

std::string_view describe(Blame blame) {
  switch (blame) {
    case Blame::none:
      return "device, simulator and golden agree";
    case Blame::device:
      return "device diverges; simulator and golden agree";
    case Blame::simulator:
      return "simulator diverges; device and golden agree";
    case Blame::both:
      return "device and simulator agree, both differ from the golden: the kernel or the golden";
    case Blame::all_differ:
      return "device, simulator and golden all differ";
    case Blame::device_only:
      return "device differs from the golden; no simulator result to compare with";
    case Blame::simulator_only:
      return "simulator differs from the golden; no device result to compare with";
    case Blame::undecided:
      return "device and simulator differ; no golden to decide";
  }
  return "unknown";
}

std::string_view describe_by_relations(Blame blame) {
  switch (blame) {
    case Blame::none:
      return "device and simulator keep the relations";
    case Blame::device:
      return "device breaks relations; simulator keeps them";
    case Blame::simulator:
      return "simulator breaks relations; device keeps them";
    case Blame::both:
      return "device and simulator agree, both break relations: the kernel or what it declares";
    case Blame::all_differ:
      return "device and simulator break relations and differ";
    case Blame::device_only:
      return "device breaks relations; no simulator result to compare with";
    case Blame::simulator_only:
      return "simulator breaks relations; no device result to compare with";
    case Blame::undecided:
      return "device and simulator differ; no golden to decide";
  }
  return "unknown";
}

Blame assign_blame(std::optional<bool> device_matches_golden, std::optional<bool> simulator_matches_golden,
                   std::optional<bool> device_matches_simulator) {
  const auto device = device_matches_golden, simulator = simulator_matches_golden;
  if (device && simulator) {
    if (*device && *simulator) return Blame::none;  // both within the policy, whatever lies between them
    if (*simulator) return Blame::device;
    if (*device) return Blame::simulator;
    // Both are wrong. Without the third comparison they are not known to agree.
    return device_matches_simulator.value_or(false) ? Blame::both : Blame::all_differ;
  }
  if (device) return *device ? Blame::none : Blame::device_only;
  if (simulator) return *simulator ? Blame::none : Blame::simulator_only;
  return device_matches_simulator.value_or(true) ? Blame::none : Blame::undecided;
}

}  // namespace assay::compare
