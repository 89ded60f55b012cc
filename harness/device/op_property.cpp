#include "harness/device/op_property.h"

#include <algorithm>
#include <cmath>

#include "harness/core/fills/number.h"
#include "harness/device/op_cube.h"
#include "harness/device/op_data.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::device {
namespace {

using goldens::Admissible;
using goldens::TileShape;
using goldens::TileValue;

constexpr int kShownMismatches = 6;

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

const OpOperand& out_of(const OpCase& c, std::size_t k) { return k == 0 ? c.out : c.more_outs[k - 1]; }
std::size_t outs_of(const OpCase& c) { return 1 + c.more_outs.size(); }

Result<std::vector<Admissible>> expected_of(const OpCase& c, const OpData& data, const Profile& profile,
                                            std::size_t output) {
  goldens::TileOpRequest request;
  request.op = c.op;
  for (std::size_t i = 0; i < c.ins.size(); ++i) {
    if (c.ins[i].is_scalar())
      request.ins.emplace_back(goldens::ScalarValue{c.ins[i].shape.dtype, data.ins[i].bits(0)});
    else
      request.ins.emplace_back(TileValue{c.ins[i].shape, bits_of(data.ins[i])});
  }
  request.out = c.out.shape;
  for (const OpOperand& out : c.more_outs) request.more_outs.push_back(out.shape);
  request.pad = c.pad;
  request.rmode = c.rmode;
  request.satmode = c.satmode;
  request.descending = c.descending;
  request.attributes.insert(c.inside.begin(), c.inside.end());
  request.attributes.insert(c.behind.begin(), c.behind.end());
  if (c.accumulates || c.op == "mscatter") request.before = bits_of(data.befores[0]);
  if (needs_cube(c)) return expected_of_cube(c, data, std::move(request), profile);
  return goldens::evaluate(request, profile, output);
}

// What the operation leaves alone. pto-isa 2.1: a vec to vec tmov moves whole 32-byte blocks, so the rest of the last
// block of a row may change.
bool untouched(const OpCase& c, const TileShape& out, std::int64_t i, std::int64_t j) {
  if (i < out.valid_rows && j < out.valid_cols) return false;
  const std::int64_t block = 256 / info(out.dtype).bits;
  const bool in_last_block = i < out.valid_rows && j < (out.valid_cols + block - 1) / block * block;
  return !(c.op == "tmov" && in_last_block);
}

std::string describe_inputs(const OpCase& c, const OpData& data, std::int64_t i, std::int64_t j) {
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
  Comparison(const OpCase& c, const OpData& data, std::size_t output)
      : case_(c), data_(data), output_(output), out_(out_of(c, output).shape) {}

  OpOutcome compare(const std::vector<Admissible>& expected) {
    const Tensor &before = data_.befores[output_], &result = data_.results[output_];
    for (std::int64_t i = 0; i < out_.rows; ++i)
      for (std::int64_t j = 0; j < out_.cols; ++j) {
        const std::uint64_t actual = result.bits(i * out_.cols + j);
        if (i < out_.valid_rows && j < out_.valid_cols)
          inside(expected[static_cast<std::size_t>(i * out_.valid_cols + j)], i, j, actual);
        else if (untouched(case_, out_, i, j) && actual != before.bits(i * out_.cols + j))
          mismatch(i, j,
                   fmt::format("{:#x}, outside the valid rectangle and before {:#x}", actual,
                               before.bits(i * out_.cols + j)));
      }
    if (mismatches_ > kShownMismatches)
      outcome_.failure += fmt::format("  and {} more\n", mismatches_ - kShownMismatches);
    return outcome_;
  }

 private:
  void inside(const Admissible& admissible, std::int64_t i, std::int64_t j, std::uint64_t actual) {
    admissible.open ? ++outcome_.open : ++outcome_.compared;
    if (goldens::admits(out_.dtype, admissible, actual)) return;
    mismatch(i, j,
             admissible.lo == admissible.hi
                 ? fmt::format("{:#x}, expected {:#x}", actual, admissible.lo)
                 : fmt::format("{:#x}, expected {:#x} to {:#x}", actual, admissible.lo, admissible.hi));
  }

  void mismatch(std::int64_t i, std::int64_t j, const std::string& what) {
    if (++mismatches_ <= kShownMismatches)
      outcome_.failure += fmt::format("  {}[{}, {}] is {} (operands{})\n", output_ == 0 ? "" : "second destination ", i,
                                      j, what, describe_inputs(case_, data_, i, j));
  }

  const OpCase& case_;
  const OpData& data_;
  std::size_t output_;
  const TileShape& out_;
  OpOutcome outcome_;
  int mismatches_ = 0;
};

std::string describe(const RunReport& report) {
  std::string text = fmt::format("status {} {}\n", static_cast<int>(report.status), report.reason);
  for (const Diagnostic& diagnostic : report.diagnostics) text += to_string(diagnostic, "one_op.pto") + "\n";
  return text;
}

// Arguments in the order of the kernel's text: operands; of each destination earlier content and result; scalars.
RunReport launch(const OpCase& c, OpData& data, const pto::Module& module, Backend& backend, const Profile& profile) {
  std::vector<Tensor*> tensors;
  Launch request;
  const auto add = [&](Tensor& tensor) {
    request.arguments.emplace_back(PointerArgument{tensors.size(), 0});
    tensors.push_back(&tensor);
  };
  for (std::size_t i = 0; i < c.ins.size(); ++i)
    if (!c.ins[i].is_scalar()) add(data.ins[i]);
  OpData befores = data;
  std::vector<Tensor> support = cube_support(c);
  for (Tensor& tensor : support) add(tensor);
  for (std::size_t k = 0; k < outs_of(c); ++k) {
    add(befores.befores[k]);
    add(data.results[k]);
  }
  for (std::size_t i = 0; i < c.ins.size(); ++i)
    if (c.ins[i].is_scalar()) request.arguments.push_back(scalar_argument(data.ins[i]));
  request.module = &module;
  request.function = &module.functions[0];
  request.tensors = tensors;
  RunOptions options;
  options.profile = &profile;
  return backend.run(request, options);
}

// A conversion of what does not fit is a finding, behind which the run goes on: the values stored are still defined.
bool completed(const RunReport& report) {
  const auto goes_on = [](const Diagnostic& found) {
    return found.rule == "narrowing" && found.message.find("has no value in") != std::string::npos;
  };
  return report.status == RunStatus::completed ||
         (report.status == RunStatus::fault && std::ranges::all_of(report.diagnostics, goes_on));
}

std::string legality(const OpCase& c, tl::expected<pto::Module, Error>& module) {
  if (!module) return "the kernel does not parse: " + to_string(module.error());
  if (const auto verified = pto::verify(*module); !verified)
    return "the kernel is not legal: " + to_string(verified.error());
  return c.op.empty() ? "no operation" : "";
}

}  // namespace

std::string to_string(const OpCase& c) {
  std::string text = fmt::format("{} seed={}", c.property, c.seed);
  const auto operand = [](const OpOperand& o) {
    if (o.is_scalar()) return fmt::format(" {}({})", name(o.shape.dtype), o.fill);
    return fmt::format(" {}{}[{}x{}{} valid {}x{}]({})", o.kind == OpOperand::Kind::memory ? "memory " : "",
                       name(o.shape.dtype), o.shape.rows, o.shape.cols, o.column_major ? " col-major" : "",
                       o.shape.valid_rows, o.shape.valid_cols, o.fill);
  };
  for (const OpOperand& in : c.ins) text += operand(in);
  text += " ->" + operand(c.out);
  for (const OpOperand& out : c.more_outs) text += operand(out);
  if (!c.rmode.empty()) text += " rmode=" + c.rmode;
  if (!c.satmode.empty()) text += " satmode=" + c.satmode;
  for (const auto& [key, value] : c.inside) text += fmt::format(" {}={}", key, value);
  for (const auto& [key, value] : c.behind) text += fmt::format(" {}={}", key, value);
  if (c.in_place) text += " in place";
  return text;
}

RunReport report_of(const OpCase& c, Backend& backend, const Profile& profile) {
  OpData data = make_op_data(c);
  auto module = pto::parse(op_kernel_text(c), "one_op.pto");
  RunReport report;
  report.status = RunStatus::error;
  report.reason = legality(c, module);
  return report.reason.empty() ? launch(c, data, *module, backend, profile) : report;
}

OpOutcome run_op_case(const OpCase& c, Backend& backend, const Profile& profile) {
  OpOutcome outcome;
  OpData data = make_op_data(c);
  std::vector<std::vector<Admissible>> expected;
  for (std::size_t k = 0; k < outs_of(c); ++k) {
    auto elements = expected_of(c, data, profile, k);
    if (!elements) return {0, 0, "no definition: " + to_string(elements.error()) + "\n"};
    expected.push_back(std::move(*elements));
  }
  auto module = pto::parse(op_kernel_text(c), "one_op.pto");
  if (std::string problem = legality(c, module); !problem.empty()) return {0, 0, problem + "\n"};
  const OpData inputs = data;
  const RunReport report = launch(c, data, *module, backend, profile);
  if (!completed(report)) return {0, 0, "did not complete: " + describe(report)};
  if (data.ins != inputs.ins) return {0, 0, "an input tensor was written\n"};
  for (std::size_t k = 0; k < outs_of(c); ++k) {
    const OpOutcome part = Comparison(c, data, k).compare(expected[k]);
    outcome.compared += part.compared;
    outcome.open += part.open;
    outcome.failure += part.failure;
  }
  return outcome;
}

OpReport check_op(std::string_view property, Backend& backend, const Profile& profile, std::uint64_t seed,
                  std::int64_t cases) {
  OpReport report;
  for (std::int64_t i = 0; i < cases; ++i) {
    const std::uint64_t case_seed = seed + static_cast<std::uint64_t>(i);
    OpCaseLimits limits;
    OpCase c = draw_op_case(property, case_seed, limits, profile);
    OpOutcome outcome = run_op_case(c, backend, profile);
    ++report.cases;
    report.compared += outcome.compared;
    report.open += outcome.open;
    if (outcome.failure.empty()) continue;
    // The same seed with halved limits gives a smaller case of the same kind; the smallest that still fails is shown.
    while (limits.rows > 1 || limits.blocks > 1) {
      limits = {std::max<std::int64_t>(limits.rows / 2, 1), std::max<std::int64_t>(limits.blocks / 2, 1)};
      const OpCase smaller = draw_op_case(property, case_seed, limits, profile);
      const OpOutcome again = run_op_case(smaller, backend, profile);
      if (again.failure.empty()) continue;
      c = smaller;
      outcome = again;
    }
    report.failure =
        fmt::format("{} on {}: {}\n{}{}", property, backend.name(), to_string(c), outcome.failure, op_kernel_text(c));
    return report;
  }
  return report;
}

}  // namespace assay::device
