// Test support: a rule taken away from a kernel, as an edit of the text in a copy of kernels/, must change the verdict
// of a case that the kernels pass as they are. So no fixture is inert.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/core/file.h"
#include "harness/core/scratch_directory.h"
#include "harness/run/execute.h"

namespace assay::run {

struct KernelEdit {
  const char* file;         // in kernels/
  const char* text;         // every occurrence
  const char* replacement;  // nullptr: the lines that hold the text go
};
struct KernelFault {
  const char* name;
  std::vector<KernelEdit> edits;
  const char* line;
};

inline int replace_all(std::string& text, std::string_view from, std::string_view to) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size(), ++count)
    text.replace(at, from.size(), to);
  return count;
}

inline int remove_lines(std::string& text, std::string_view with) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(with, at)) != std::string::npos; ++count) {
    const std::size_t end = text.find('\n', at);
    at = text.rfind('\n', at) + 1;
    text.erase(at, end + 1 - at);
  }
  return count;
}

inline CaseResult run_in(const std::filesystem::path& kernels, const char* line) {
  ExecuteOptions options;
  options.pipeline_directories = {kernels};
  options.backends = {"sim"};
  auto result = Executor(options).execute(parse_replay(line).value());
  EXPECT_TRUE(result.has_value()) << line << ": " << to_string(result.error());
  return result.value_or(CaseResult{});
}

inline void expect_changes_verdict(const KernelFault& fault) {
  SCOPED_TRACE(fault.name);
  const std::filesystem::path kernels = std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels";
  const CaseResult intact = run_in(kernels, fault.line);
  EXPECT_EQ(intact.verdict, compare::Verdict::passed) << intact.reason;
  const ScratchDirectory scratch = ScratchDirectory::make().value();
  for (const auto& folder : std::filesystem::directory_iterator(kernels))
    if (folder.path().filename() != "faults")
      std::filesystem::copy(folder.path(), scratch.path() / folder.path().filename(),
                            std::filesystem::copy_options::recursive);
  for (const KernelEdit& edit : fault.edits) {
    std::string text = read_text(scratch.path() / edit.file, 1 << 20).value();
    const int edits = edit.replacement ? replace_all(text, edit.text, edit.replacement) : remove_lines(text, edit.text);
    ASSERT_GT(edits, 0) << edit.text;
    ASSERT_TRUE(write_text(scratch.path() / edit.file, text));
  }
  const CaseResult result = run_in(scratch.path(), fault.line);
  EXPECT_EQ(result.verdict, compare::Verdict::failed) << result.reason;
}

}  // namespace assay::run
