// The folder a sweep writes to: its store, its reports, its failure folders. One sweep at a time.
#pragma once

#include <filesystem>

#include "harness/core/error.h"
#include "harness/run/store.h"
#include "harness/run/worker_process.h"

namespace assay::run {

class OutDirectory {
 public:
  // Creates the folder and a store in it, or resumes the one that is there. Without `resume` what an earlier sweep left
  // is removed: only what a sweep writes, and only where its store is found. Errors: another sweep is writing here; a
  // foreign results.db; a store of other arguments.
  static Result<OutDirectory> open(const std::filesystem::path& directory, bool resume, const StoreFacts& fingerprint);

  Store& store() { return store_; }

 private:
  OutDirectory(FileDescriptor lock, Store store) : lock_(std::move(lock)), store_(std::move(store)) {}
  FileDescriptor lock_;
  Store store_;
};

}  // namespace assay::run
