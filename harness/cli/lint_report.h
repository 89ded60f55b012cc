// What `assay lint` found, as text for people, as JSON, and as SARIF 2.1.0 for code-scanning tools.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "harness/cli/lint.h"

namespace assay::cli {

std::string lint_text(std::span<const LintedFile> files);
std::string lint_json(std::span<const LintedFile> files);
// `failures`: why other files could not be linted.
std::string lint_sarif(std::span<const LintedFile> files, std::span<const Error> failures = {});

// The line of the source, without spaces at its ends; empty when there is no such line.
std::string source_line(const LintedFile& file, pto::Location location);

// Identifies a finding across edits elsewhere in the file: rule, function and the text of the lines, not their numbers.
std::string fingerprint(const LintedFile& file, const Finding& finding);

// "seed=3", "canonical and 9 more schedules"; empty for static findings.
std::string describe_schedules(const Finding& finding);

}  // namespace assay::cli
