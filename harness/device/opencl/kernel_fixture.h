// For tests: kernels as text, tensors by value, one shared backend.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "harness/device/opencl/opencl_backend.h"
#include "harness/pto/reader.h"

namespace assay::device {

inline Backend& shared_backend() {
  static const std::unique_ptr<Backend> backend = [] {
    auto made = create_opencl_backend({});
    if (!made) throw std::runtime_error(to_string(made.error()));
    return std::move(*made);
  }();
  return *backend;
}

template <class T>
Tensor tensor_of(DType dtype, Shape shape, std::vector<T> values) {
  Tensor tensor(dtype, std::move(shape));
  std::copy(values.begin(), values.end(), tensor.as<T>().begin());
  return tensor;
}

inline Tensor floats(Shape shape, std::vector<float> values) {
  return tensor_of<float>(DType::f32, std::move(shape), std::move(values));
}

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

// A parsed kernel with its tensors. Arguments are the tensors in order, then the scalars.
struct Kernel {
  explicit Kernel(const std::string& text) {
    auto parsed = pto::parse(text, "kernel.pto");
    if (!parsed) throw std::runtime_error(to_string(parsed.error()));
    module = std::move(*parsed);
    profile = *load_profile("a2a3");
    options.profile = &profile;
  }

  RunReport run(std::vector<Tensor*> tensors, std::vector<std::int64_t> scalars = {}, std::int64_t blocks = 1,
                Backend& backend = shared_backend()) {
    Launch launch;
    launch.module = &module;
    launch.function = &module.functions[0];
    for (std::size_t i = 0; i < tensors.size(); ++i) launch.arguments.push_back(PointerArgument{i, 0});
    for (const std::int64_t scalar : scalars) launch.arguments.push_back(scalar);
    launch.blocks = blocks;
    launch.tensors = tensors;
    return backend.run(launch, options);
  }

  pto::Module module;
  Profile profile;
  RunOptions options;
};

// One tile of a generated kernel: a tensor argument, loaded before `body` or stored after it.
struct TileSpec {
  std::string name;
  std::string element;
  int rows = 1, cols = 8;              // physical
  int valid_rows = 0, valid_cols = 0;  // 0: physical
  std::string extra = {};              // ", blayout=col_major"
  int address = -1;                    // -1: a place of its own

  int vr() const { return valid_rows ? valid_rows : rows; }
  int vc() const { return valid_cols ? valid_cols : cols; }
  std::string type() const {
    return "!pto.tile_buf<vec, " + std::to_string(rows) + "x" + std::to_string(cols) + "x" + element +
           ", valid=" + std::to_string(vr()) + "x" + std::to_string(vc()) + extra + ">";
  }
};

// A kernel of one function: loads `ins`, executes `body` on %NAME tiles (types by $NAME), stores `outs`.
std::string tile_kernel(const std::vector<TileSpec>& ins, const std::vector<TileSpec>& outs, std::string body);

}  // namespace assay::device
