#include "harness/run/out_directory.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>

namespace assay::run {
namespace {

Result<FileDescriptor> lock(const std::filesystem::path& directory) {
  FileDescriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor) return bad_input("{}: cannot be opened: {}", directory.string(), std::strerror(errno));
  if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return bad_input("{}: another sweep is writing here", directory.string());
  return descriptor;
}

// What an earlier sweep wrote. A store that is no store of ours is never removed.
Result<void> clear(const std::filesystem::path& directory) {
  const auto file = directory / kStoreFile;
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return {};
  if (!is_store(file)) return bad_input("{}: is not a store of assay; use another --out", file.string());
  for (const std::string_view name : {"failures", "results.csv", "summary.json", "junit.xml", "report.html"})
    std::filesystem::remove_all(directory / name, error);
  for (const std::string_view suffix : {"-wal", "-shm", ""})
    std::filesystem::remove(file.string() + std::string(suffix), error);
  if (std::filesystem::exists(file)) return bad_input("{}: cannot be removed: {}", file.string(), error.message());
  return {};
}

}  // namespace

Result<OutDirectory> OutDirectory::open(const std::filesystem::path& directory, bool resume,
                                        const StoreFacts& fingerprint) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return bad_input("{}: cannot be created: {}", directory.string(), error.message());
  auto locked = lock(directory);
  if (!locked) return tl::unexpected(locked.error());
  const auto file = directory / kStoreFile;
  if (!resume)
    if (auto cleared = clear(directory); !cleared) return tl::unexpected(cleared.error());
  auto store =
      std::filesystem::exists(file, error) ? Store::resume(file, fingerprint) : Store::create(file, fingerprint);
  if (!store) return tl::unexpected(store.error());
  return OutDirectory(std::move(*locked), std::move(*store));
}

}  // namespace assay::run
