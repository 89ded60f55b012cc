#include "harness/device/op_property.h"

#include <algorithm>
#include <cmath>

#include "harness/core/fill.h"
#include "harness/core/fills/number.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::device {
namespace {

using goldens::Admissible;
using goldens::TileShape;
using goldens::TileValue;

constexpr int kShownMismatches = 6;

// Tensors of a case: one per operand (scalars too), the destination's earlier content, the result.
struct CaseData {
  std::vector<Tensor> ins;
  Tensor before, result;
};

Tensor filled(const OpOperand& operand, std::uint64_t seed, std::string_view stream) {
  Tensor tensor(operand.shape.dtype, {operand.shape.rows, operand.shape.cols});
  // A fill that makes no sense for the dtype gives way to one that every dtype has.
  if (!fill(tensor, operand.fill, seed, stream)) (void)fill(tensor, "uniform", seed, stream);
  return tensor;
}

CaseData make_data(const OpCase& c) {
  CaseData data;
  for (std::size_t i = 0; i < c.ins.size(); ++i) data.ins.push_back(filled(c.ins[i], c.seed, fmt::format("x{}", i)));
  OpOperand poison = c.out;
  poison.fill = "uniform";
  data.before = filled(poison, c.seed, "d");
  // The destination lies on the first bytes of the first operand, which may have wider elements.
  if (c.in_place) std::copy_n(data.ins[0].bytes().begin(), data.before.bytes().size(), data.before.bytes().begin());
  data.result = filled(poison, c.seed, "y");
  if (c.op == "tstore") data.before = data.result;
  return data;
}

std::vector<std::uint64_t> bits_of(const Tensor& tensor) {
  std::vector<std::uint64_t> bits;
  for (std::int64_t i = 0; i < tensor.size(); ++i) bits.push_back(tensor.bits(i));
  return bits;
}

Argument scalar_argument(const Tensor& tensor) {
  const DType dtype = tensor.dtype();
  if (!info(dtype).is_float) {
    const int unused = 64 - info(dtype).bits;
    const auto bits = tensor.bits(0);
    return info(dtype).is_signed ? static_cast<std::int64_t>(bits << unused) >> unused
                                 : static_cast<std::int64_t>(bits);
  }
  const auto number = fills::decode(dtype, tensor.bits(0));
  const bool negative = (tensor.bits(0) >> (info(dtype).bits - 1)) != 0;
  if (number)
    return std::copysign(std::ldexp(static_cast<double>(number->mantissa), number->exponent), negative ? -1.0 : 1.0);
  const auto* format = fills::float_format(dtype);
  const bool infinite = (tensor.bits(0) & (format->sign - 1)) == format->infinity;
  return std::copysign(infinite ? HUGE_VAL : NAN, negative ? -1.0 : 1.0);
}

Result<std::vector<Admissible>> expected_of(const OpCase& c, const CaseData& data, const Profile& profile) {
  goldens::TileOpRequest request;
  request.op = c.op;
  for (std::size_t i = 0; i < c.ins.size(); ++i) {
    if (c.ins[i].scalar)
      request.ins.emplace_back(goldens::ScalarValue{c.ins[i].shape.dtype, data.ins[i].bits(0)});
    else
      request.ins.emplace_back(TileValue{c.ins[i].shape, bits_of(data.ins[i])});
  }
  request.out = c.out.shape;
  request.pad = c.pad;
  request.rmode = c.rmode;
  request.satmode = c.satmode;
  request.descending = c.descending;
  return goldens::evaluate(request, profile);
}

// What the operation leaves alone. pto-isa 2.1: a vec to vec tmov moves whole 32-byte blocks, so the rest of the last
// block of a row may change.
bool untouched(const OpCase& c, std::int64_t i, std::int64_t j) {
  const TileShape& out = c.out.shape;
  if (i < out.valid_rows && j < out.valid_cols) return false;
  const std::int64_t block = 256 / info(out.dtype).bits;
  const bool in_last_block = i < out.valid_rows && j < (out.valid_cols + block - 1) / block * block;
  return !(c.op == "tmov" && in_last_block);
}

std::string describe_inputs(const OpCase& c, const CaseData& data, std::int64_t i, std::int64_t j) {
  std::string text;
  for (std::size_t k = 0; k < c.ins.size(); ++k) {
    const TileShape& shape = c.ins[k].shape;
    const std::int64_t row = std::min(i, shape.rows - 1), column = std::min(j, shape.cols - 1);
    text += fmt::format(" x{}={:#x}", k, data.ins[k].bits(row * shape.cols + column));
  }
  return text;
}

class Comparison {
 public:
  Comparison(const OpCase& c, const CaseData& data) : case_(c), data_(data) {}

  OpOutcome compare(const std::vector<Admissible>& expected) {
    const TileShape& out = case_.out.shape;
    for (std::int64_t i = 0; i < out.rows; ++i)
      for (std::int64_t j = 0; j < out.cols; ++j) {
        const std::uint64_t actual = data_.result.bits(i * out.cols + j);
        if (i < out.valid_rows && j < out.valid_cols)
          inside(expected[static_cast<std::size_t>(i * out.valid_cols + j)], i, j, actual);
        else if (untouched(case_, i, j) && actual != data_.before.bits(i * out.cols + j))
          mismatch(i, j,
                   fmt::format("{:#x}, outside the valid rectangle and before {:#x}", actual,
                               data_.before.bits(i * out.cols + j)));
      }
    if (mismatches_ > kShownMismatches)
      outcome_.failure += fmt::format("  and {} more\n", mismatches_ - kShownMismatches);
    return outcome_;
  }

 private:
  void inside(const Admissible& admissible, std::int64_t i, std::int64_t j, std::uint64_t actual) {
    admissible.open ? ++outcome_.open : ++outcome_.compared;
    if (goldens::admits(case_.out.shape.dtype, admissible, actual)) return;
    mismatch(i, j,
             admissible.lo == admissible.hi
                 ? fmt::format("{:#x}, expected {:#x}", actual, admissible.lo)
                 : fmt::format("{:#x}, expected {:#x} to {:#x}", actual, admissible.lo, admissible.hi));
  }

  void mismatch(std::int64_t i, std::int64_t j, const std::string& what) {
    if (++mismatches_ <= kShownMismatches)
      outcome_.failure +=
          fmt::format("  [{}, {}] is {} (operands{})\n", i, j, what, describe_inputs(case_, data_, i, j));
  }

  const OpCase& case_;
  const CaseData& data_;
  OpOutcome outcome_;
  int mismatches_ = 0;
};

std::string describe(const RunReport& report) {
  std::string text = fmt::format("status {} {}\n", static_cast<int>(report.status), report.reason);
  for (const Diagnostic& diagnostic : report.diagnostics) text += to_string(diagnostic, "one_op.pto") + "\n";
  return text;
}

// Arguments in the order of the kernel's text: tiles, earlier content, result, scalar.
RunReport launch(const OpCase& c, CaseData& data, const pto::Module& module, Backend& backend, const Profile& profile) {
  std::vector<Tensor*> tensors;
  Launch request;
  const auto add = [&](Tensor& tensor) {
    request.arguments.emplace_back(PointerArgument{tensors.size(), 0});
    tensors.push_back(&tensor);
  };
  for (std::size_t i = 0; i < c.ins.size(); ++i)
    if (!c.ins[i].scalar) add(data.ins[i]);
  Tensor before = data.before;
  add(before);
  add(data.result);
  for (std::size_t i = 0; i < c.ins.size(); ++i)
    if (c.ins[i].scalar) request.arguments.push_back(scalar_argument(data.ins[i]));
  request.module = &module;
  request.function = &module.functions[0];
  request.tensors = tensors;
  RunOptions options;
  options.profile = &profile;
  return backend.run(request, options);
}

}  // namespace

std::string to_string(const OpCase& c) {
  std::string text = fmt::format("{} seed={}", c.op, c.seed);
  const auto operand = [](const OpOperand& o) {
    if (o.scalar) return fmt::format(" {}({})", name(o.shape.dtype), o.fill);
    return fmt::format(" {}[{}x{}{} valid {}x{}]({})", name(o.shape.dtype), o.shape.rows, o.shape.cols,
                       o.column_major ? " col-major" : "", o.shape.valid_rows, o.shape.valid_cols, o.fill);
  };
  for (const OpOperand& in : c.ins) text += operand(in);
  text += " ->" + operand(c.out);
  if (!c.rmode.empty()) text += " rmode=" + c.rmode;
  if (!c.satmode.empty()) text += " satmode=" + c.satmode;
  if (c.in_place) text += " in place";
  return text;
}

OpOutcome run_op_case(const OpCase& c, Backend& backend, const Profile& profile) {
  OpOutcome outcome;
  CaseData data = make_data(c);
  const auto expected = expected_of(c, data, profile);
  if (!expected) return {0, 0, "no definition: " + to_string(expected.error())};
  const auto module = pto::parse(op_kernel_text(c), "one_op.pto");
  if (!module) return {0, 0, "the kernel does not parse: " + to_string(module.error())};
  if (const auto verified = pto::verify(*module); !verified)
    return {0, 0, "the kernel is not legal: " + to_string(verified.error())};
  const CaseData inputs = data;
  const RunReport report = launch(c, data, *module, backend, profile);
  if (report.status != RunStatus::completed) return {0, 0, "did not complete: " + describe(report)};
  if (data.ins != inputs.ins) return {0, 0, "an input tensor was written"};
  return Comparison(c, data).compare(*expected);
}

OpReport check_op(std::string_view op, Backend& backend, const Profile& profile, std::uint64_t seed,
                  std::int64_t cases) {
  OpReport report;
  for (std::int64_t i = 0; i < cases; ++i) {
    const std::uint64_t case_seed = seed + static_cast<std::uint64_t>(i);
    OpCaseLimits limits;
    OpCase c = draw_op_case(op, case_seed, limits, profile);
    OpOutcome outcome = run_op_case(c, backend, profile);
    ++report.cases;
    report.compared += outcome.compared;
    report.open += outcome.open;
    if (outcome.failure.empty()) continue;
    // The same seed with halved limits gives a smaller case of the same kind; the smallest that still fails is shown.
    while (limits.rows > 1 || limits.blocks > 1) {
      limits = {std::max<std::int64_t>(limits.rows / 2, 1), std::max<std::int64_t>(limits.blocks / 2, 1)};
      const OpCase smaller = draw_op_case(op, case_seed, limits, profile);
      const OpOutcome again = run_op_case(smaller, backend, profile);
      if (again.failure.empty()) continue;
      c = smaller;
      outcome = again;
    }
    report.failure =
        fmt::format("{} on {}: {}\n{}{}", op, backend.name(), to_string(c), outcome.failure, op_kernel_text(c));
    return report;
  }
  return report;
}

}  // namespace assay::device
