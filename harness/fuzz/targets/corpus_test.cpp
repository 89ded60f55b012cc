// Every file of the corpora does what it did when it was found: nothing bad. They are the fuzzers' seeds and the inputs
// that once crashed something.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "harness/core/file.h"
#include "harness/fuzz/targets/targets.h"

namespace assay::fuzz {
namespace {

std::vector<std::filesystem::path> corpus(std::string_view name) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(ASSAY_SOURCE_DIR) / "harness/fuzz/corpus" / name))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void replay(std::string_view name, void (*exercise)(std::string_view)) {
  const auto files = corpus(name);
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const auto text = read_text(file, 1 << 20);
    ASSERT_TRUE(text);
    exercise(*text);
  }
}

TEST(Corpus, Reader) { replay("reader", exercise_reader); }
TEST(Corpus, Simulator) { replay("simulator", exercise_simulator); }

// The seeds of one are texts for the other too.
TEST(Corpus, ReaderReadsTheSimulatorsFiles) { replay("simulator", exercise_reader); }

TEST(Corpus, StaysSmall) {
  std::uintmax_t bytes = 0;
  for (std::string_view name : {"reader", "simulator"})
    for (const auto& file : corpus(name)) bytes += std::filesystem::file_size(file);
  EXPECT_LT(bytes, 200U << 10);
}

}  // namespace
}  // namespace assay::fuzz
