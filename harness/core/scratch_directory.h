// A fresh directory that disappears with its owner.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "harness/core/error.h"

namespace assay {

class ScratchDirectory {
 public:
  // Under the system's directory for temporary files. Error: it cannot be made.
  static Result<ScratchDirectory> make() {
    std::error_code code;
    std::string pattern = (std::filesystem::temp_directory_path(code) / "assay-XXXXXX").string();
    if (code || ::mkdtemp(pattern.data()) == nullptr)
      return unavailable("cannot make a temporary directory at {}", pattern);
    return ScratchDirectory(pattern);
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory() {
    std::error_code code;
    if (!path_.empty()) std::filesystem::remove_all(path_, code);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace assay
