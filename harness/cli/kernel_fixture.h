// Test support: a folder of its own, kernels in it, and backends that do what a test says.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "harness/device/backend.h"

namespace assay::cli::testing {

class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("assay_kernel_" + name + "_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Copies `rows` of 8 floats from x to y; %k is carried along unused.
inline constexpr std::string_view kCopy = R"(
func.func @copy(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %rows: index, %k: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %xv = pto.make_tensor_view %x, shape = [%rows, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
  %yv = pto.make_tensor_view %y, shape = [%rows, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
  scf.for %r = %c0 to %rows step %c1 {
    %xp = pto.partition_view %xv, offsets = [%r, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %yp = pto.partition_view %yv, offsets = [%r, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %t = pto.alloc_tile : !pto.tile_buf<vec, 1x8xf32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x8xf32>) outs(%t : !pto.tile_buf<vec, 1x8xf32>)
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x8xf32>) outs(%yp : !pto.partition_tensor_view<1x8xf32>)
  }
  return
}
)";

using Behaviour = std::function<device::RunReport(const device::Launch&, const device::RunOptions&)>;

class ScriptedBackend : public device::Backend {
 public:
  explicit ScriptedBackend(Behaviour behaviour) : behaviour_(std::move(behaviour)) {}
  std::string_view name() const override { return "scripted"; }
  std::string description() const override { return "does what a test says"; }
  device::RunReport run(const device::Launch& launch, const device::RunOptions& options) override {
    return behaviour_(launch, options);
  }

 private:
  Behaviour behaviour_;
};

// The first element of a pointer argument of 32-bit elements.
inline std::span<std::uint32_t> words(const device::Launch& launch, std::size_t argument) {
  const auto& pointer = std::get<device::PointerArgument>(launch.arguments[argument]);
  return launch.tensors[pointer.tensor]->as<std::uint32_t>().subspan(static_cast<std::size_t>(pointer.element_offset));
}

// What @copy means.
inline device::RunReport copy(const device::Launch& launch, const device::RunOptions&) {
  const auto rows = static_cast<std::size_t>(std::get<std::int64_t>(launch.arguments[2]));
  const auto x = words(launch, 0), y = words(launch, 1);
  for (std::size_t i = 0; i < rows * 8; ++i) y[i] = x[i];
  device::RunReport report;
  report.instructions = rows;
  return report;
}

}  // namespace assay::cli::testing
