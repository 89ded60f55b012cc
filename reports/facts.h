// Facts about a case that several reports show. Internal to reports.
#pragma once

#include <string>
#include <string_view>

#include "harness/run/case.h"

namespace assay::reports {

// The output a reader should see first: the first that does not match, else the one farthest in ulps; null without any.
const run::OutputResult* leading_output(const run::CaseResult& result);
// What the blame of a stage says; of the first stage of a case that has any, otherwise empty.
std::string_view blame_text(const run::StageResult& stage);
std::string_view blame_text(const run::CaseResult& result);
// "assay run --replay 'pipeline=... T=3'", quoted for a POSIX shell, and RunInfo::replay_options behind it.
std::string replay_command(const run::Case& c, std::string_view options = {});
// Characters below space (but no tab) and DEL become U+FFFD, bytes that are no UTF-8 too; line ends become spaces.
std::string printable(std::string_view text);
// "1 ulp", "12 ulps"; a saturated distance is "NaN or over 63 bits".
std::string ulps_text(std::int64_t ulps);
// The shortest decimal that reads back the same; "infinite" when it is not finite.
std::string number_text(double value);
// "0.12 s", "3.4 s", "5:07", "1:02:03".
std::string duration_text(double seconds);

}  // namespace assay::reports
