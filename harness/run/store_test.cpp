#include "harness/run/store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "harness/core/scratch_directory.h"

namespace assay::run {
namespace {

StoredResult result_of(std::uint64_t id, compare::Verdict verdict = compare::Verdict::passed) {
  StoredResult stored;
  stored.entry = {id, 5, 2, 1};
  stored.result.c.values = {{"pipeline", "add"}, {"T", "3"}};
  stored.result.id = id_text(id);
  stored.result.verdict = verdict;
  stored.result.compared = 48;
  return stored;
}

TEST(Store, KeepsWhatWasPut) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const std::filesystem::path& directory = scratch->path();
  const auto file = directory / "results.db";
  const std::uint64_t large = 0xFEDCBA9876543210u;
  {
    auto store = Store::create(file, {{"backends", "sim"}});
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(store->put(result_of(large), "2026-01-02T03:04:05Z"));
    StoredResult failed = result_of(7, compare::Verdict::error);
    failed.error = ErrorKind::unavailable;
    failed.result.reason = "bytes \xFF\x01 \"quoted\"\n";
    ASSERT_TRUE(store->put(failed, "2026-01-02T03:04:06Z"));
    ASSERT_TRUE(store->put_facts({{"machine", "test"}}));
  }
  auto store = Store::read(file);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->finished_ids(), std::unordered_set<std::uint64_t>{large});
  EXPECT_EQ(store->keys()->size(), 2u);
  const auto got = store->get(large);
  ASSERT_TRUE(got);
  EXPECT_EQ(nlohmann::json(got->result), nlohmann::json(result_of(large).result));
  EXPECT_EQ(got->entry.ordinal, 5);
  EXPECT_EQ(got->entry.row, 2u);
  EXPECT_EQ(got->entry.repetition, 1u);
  EXPECT_FALSE(got->error);
  EXPECT_EQ(store->get(7)->error, ErrorKind::unavailable);
  EXPECT_EQ(store->facts()->at("machine"), "test");
  EXPECT_FALSE(store->get(8));
}

TEST(Store, ResumesOnlyWithTheSameArguments) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const std::filesystem::path& directory = scratch->path();
  const auto file = directory / "results.db";
  ASSERT_TRUE(Store::create(file, {{"backends", "sim"}}));
  EXPECT_FALSE(Store::create(file, {}));
  EXPECT_TRUE(Store::resume(file, {{"backends", "sim"}}));
  const auto other = Store::resume(file, {{"backends", "sim+opencl"}});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("backends was 'sim' and is 'sim+opencl'"), std::string::npos);
  EXPECT_FALSE(Store::resume(file, {}));
}

TEST(Store, SurvivesAKilledWriter) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const std::filesystem::path& directory = scratch->path();
  const auto file = directory / "results.db";
  EXPECT_EXIT(
      {
        auto store = Store::create(file, {});
        for (std::uint64_t id = 1; id <= 20; ++id)
          if (!store->put(result_of(id), "now")) _exit(1);
        _exit(9);  // neither closes nor checkpoints
      },
      ::testing::ExitedWithCode(9), "");
  auto store = Store::resume(file, {});
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(store->finished_ids()->size(), 20u);
}

TEST(Store, RefusesForeignAndDamagedFiles) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const std::filesystem::path& directory = scratch->path();
  const auto refuse = [](const std::filesystem::path& file) {
    EXPECT_FALSE(is_store(file));
    const auto store = Store::read(file);
    if (store) return std::string("no error");
    EXPECT_EQ(store.error().kind, ErrorKind::bad_input);
    return store.error().message;
  };
  EXPECT_NE(refuse(directory / "none.db").find("no such file"), std::string::npos);
  std::ofstream(directory / "text.db")
      << "pipeline,T\nadd,1\nthis is no database at all, but it is long enough to look\n";
  EXPECT_NE(refuse(directory / "text.db").find("not a database"), std::string::npos);
  std::ofstream(directory / "empty.db").close();
  EXPECT_NE(refuse(directory / "empty.db").find("not a store"), std::string::npos);
  {
    auto foreign = Database::open(directory / "foreign.db", Database::Access::create);
    ASSERT_TRUE(foreign->execute("CREATE TABLE results(id INTEGER)"));
  }
  EXPECT_NE(refuse(directory / "foreign.db").find("not a store"), std::string::npos);
  {
    auto newer = Database::open(directory / "newer.db", Database::Access::create);
    ASSERT_TRUE(newer->execute("PRAGMA application_id=1634956129; PRAGMA user_version=99; CREATE TABLE a(b)"));
  }
  const auto newer = Store::read(directory / "newer.db");
  ASSERT_FALSE(newer);
  EXPECT_NE(newer.error().message.find("format 99"), std::string::npos);
}

TEST(Store, DamagedBytesGiveAnErrorOrTheResults) {
  const auto scratch = ScratchDirectory::make();
  ASSERT_TRUE(scratch);
  const std::filesystem::path& directory = scratch->path();
  const auto whole = directory / "whole.db";
  {
    auto store = Store::create(whole, {});
    for (std::uint64_t id = 1; id <= 40; ++id) ASSERT_TRUE(store->put(result_of(id), "now"));
    ASSERT_TRUE(Database::open(whole, Database::Access::write)->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    const auto damaged = directory / "damaged.db";
    std::filesystem::copy_file(whole, damaged, std::filesystem::copy_options::overwrite_existing);
    const auto size = std::filesystem::file_size(damaged);
    if (round % 2 == 0) {
      std::filesystem::resize_file(damaged, random() % size);
    } else {
      std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
      for (int i = 0; i < 40; ++i) {
        file.seekp(static_cast<std::streamoff>(random() % size));
        file.put(static_cast<char>(random()));
      }
    }
    auto store = Store::read(damaged);
    if (!store) continue;
    for (std::uint64_t id = 1; id <= 40; ++id) store->get(id);
    store->keys();
  }
}

}  // namespace
}  // namespace assay::run
