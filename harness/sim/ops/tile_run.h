// Test support: one tile operation between loads of its sources and stores of its destinations.
#pragma once

#include <fmt/format.h>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {

struct TileShape {
  std::int64_t rows = 0, cols = 0;
  std::int64_t valid_rows = -1, valid_cols = -1;  // -1: all
  bool column_major = false;
};

class TileRun {
 public:
  // A tile that is loaded with the values before the operation; `stored` also stores it afterwards.
  template <class T>
  TileRun& in(const std::string& name, DType dtype, TileShape shape, const std::vector<T>& values, bool stored = false) {
    return add(name, dtype, shape, tensor_of(dtype, values), true, stored);
  }
  // A tile that is stored after the operation.
  TileRun& out(const std::string& name, DType dtype, TileShape shape) {
    const std::int64_t count = valid(shape.valid_rows, shape.rows) * valid(shape.valid_cols, shape.cols);
    Tensor tensor(dtype, {count});
    return add(name, dtype, shape, std::move(tensor), false, true);
  }
  // A tile that is neither.
  TileRun& scratch(const std::string& name, DType dtype, TileShape shape) {
    return add(name, dtype, shape, Tensor(dtype, {1}), false, false);
  }

  // In the text %NAME is a tile and $NAME its type. Constants and anything else stand in `text` too.
  TileRun& run(const std::string& text, std::string_view target = "a2a3") {
    kernel_.text = module_text(text);
    kernel_.profile = load_profile(target).value();
    kernel_.profile.absent_ops.clear();
    kernel_ = run_kernel(std::move(kernel_));
    return *this;
  }
  // As run(), and it must complete.
  TileRun& completes(const std::string& text, std::string_view target = "a2a3") {
    run(text, target);
    EXPECT_EQ(kernel_.report.status, device::RunStatus::completed)
        << (kernel_.report.diagnostics.empty() ? kernel_.report.reason
                                               : to_string(kernel_.report.diagnostics.back(), "kernel.pto"))
        << "\n"
        << kernel_.text;
    return *this;
  }

  const KernelRun& kernel() const { return kernel_; }
  std::string rule() const { return first_rule(kernel_); }
  template <class T>
  std::vector<T> values(std::string_view name) const {
    for (std::size_t k = 0; k < tiles_.size(); ++k) {
      if (tiles_[k].name != name) continue;
      const auto bytes = kernel_.tensors[k].bytes();
      std::vector<T> result(bytes.size() / sizeof(T));
      std::memcpy(result.data(), bytes.data(), bytes.size());
      return result;
    }
    ADD_FAILURE() << "no tile " << name;
    return {};
  }

 private:
  struct Entry {
    std::string name, element, type;
    std::int64_t rows, cols;
    bool loaded, stored;
  };

  static std::int64_t valid(std::int64_t given, std::int64_t all) { return given < 0 ? all : given; }

  static std::string spelling(DType dtype) {
    const std::string text(assay::name(dtype));
    return text[0] == 'u' ? "ui" + text.substr(1) : text;
  }

  TileRun& add(const std::string& name, DType dtype, TileShape shape, Tensor tensor, bool loaded, bool stored) {
    const std::int64_t rows = valid(shape.valid_rows, shape.rows), cols = valid(shape.valid_cols, shape.cols);
    const std::string element = spelling(dtype);
    const std::string type =
        fmt::format("!pto.tile_buf<vec, {}x{}x{}, valid={}x{}{}>", shape.rows, shape.cols, element, rows, cols,
                    shape.column_major ? ", blayout=col_major" : "");
    tiles_.push_back({name, element, type, rows, cols, loaded, stored});
    kernel_.tensors.push_back(std::move(tensor));
    return *this;
  }

  std::string module_text(std::string body) const {
    std::string arguments, before, after;
    for (std::size_t k = 0; k < tiles_.size(); ++k) {
      const Entry& t = tiles_[k];
      arguments += fmt::format("{}%g_{}: !pto.ptr<{}>", k == 0 ? "" : ", ", t.name, t.element);
      const std::string view = fmt::format("!pto.tensor_view<?x?x{}>", t.element);
      const std::string partition = fmt::format("!pto.partition_tensor_view<?x?x{}>", t.element);
      before += fmt::format("    %r_{0} = arith.constant {1} : index\n    %c_{0} = arith.constant {2} : index\n", t.name,
                            t.rows, t.cols);
      before += fmt::format(
          "    %v_{0} = pto.make_tensor_view %g_{0}, shape = [%r_{0}, %c_{0}], strides = [%c_{0}, %one] : {1}\n", t.name,
          view);
      before += fmt::format(
          "    %p_{0} = pto.partition_view %v_{0}, offsets = [%zero, %zero], sizes = [%r_{0}, %c_{0}] : {1} -> {2}\n",
          t.name, view, partition);
      before += fmt::format("    %a_{0} = arith.constant {1} : i64\n    %{0} = pto.alloc_tile addr = %a_{0} : {2}\n",
                            t.name, k * 16384, t.type);
      if (t.loaded) before += fmt::format("    pto.tload ins(%p_{0} : {1}) outs(%{0} : {2})\n", t.name, partition, t.type);
      if (t.stored) after += fmt::format("    pto.tstore ins(%{0} : {2}) outs(%p_{0} : {1})\n", t.name, partition, t.type);
    }
    for (const Entry& t : tiles_) {
      const std::string mark = "$" + t.name;
      for (std::size_t at = 0; (at = body.find(mark, at)) != std::string::npos; at += t.type.size())
        body.replace(at, mark.size(), t.type);
    }
    return fmt::format(
        "module {{\n  func.func @kernel({}) {{\n    %zero = arith.constant 0 : index\n    %one = arith.constant 1 : "
        "index\n{}    {}\n{}    return\n  }}\n}}\n",
        arguments, before, body, after);
  }

  std::vector<Entry> tiles_;
  KernelRun kernel_;
};

}  // namespace assay::sim::testing
