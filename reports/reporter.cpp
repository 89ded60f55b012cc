#include "reports/reporter.h"

namespace assay::reports {

namespace {

template <class Event>
Result<void> tell_all(const std::vector<std::unique_ptr<Reporter>>& members, Event event) {
  Result<void> outcome;
  for (const auto& member : members)
    if (auto done = event(*member); !done && outcome) outcome = done;
  return outcome;
}

}  // namespace

Result<void> ReporterSet::run_started(const RunInfo& info) {
  return tell_all(members_, [&](Reporter& reporter) { return reporter.run_started(info); });
}
Result<void> ReporterSet::case_finished(const run::CaseResult& result) {
  return tell_all(members_, [&](Reporter& reporter) { return reporter.case_finished(result); });
}
Result<void> ReporterSet::run_finished(const Summary& summary) {
  return tell_all(members_, [&](Reporter& reporter) { return reporter.run_finished(summary); });
}

}  // namespace assay::reports
