// Interrupt, termination and hang-up as a readable descriptor, while this object lives. Create it before any thread.
#pragma once

#include <csignal>

#include "harness/run/worker_process.h"

namespace assay::run {

class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  int descriptor() const { return descriptor_.get(); }
  // The signal that came, or 0.
  int take();

 private:
  sigset_t before_;
  FileDescriptor descriptor_;
};

}  // namespace assay::run
