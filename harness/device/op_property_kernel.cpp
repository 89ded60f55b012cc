// The text of a one-operation kernel.
#include <map>

#include "harness/device/op_cube.h"
#include "harness/device/op_data.h"
#include "harness/pto/op_table.h"

namespace assay::device {
namespace {

using goldens::PadWord;
using goldens::TileShape;

std::string element_name(DType dtype) {
  if (dtype == DType::e4m3fn) return "f8E4M3FN";
  const std::string text(name(dtype));
  return text.starts_with('u') ? "ui" + text.substr(1) : text;
}

std::string shape_text(const OpOperand& operand) {
  return fmt::format("{}x{}x{}", operand.shape.rows, operand.shape.cols, element_name(operand.shape.dtype));
}

class KernelText {
 public:
  explicit KernelText(const OpCase& c) : case_(c) {}

  std::string text() {
    for (std::size_t i = 0; i < case_.ins.size(); ++i) operand(i);
    if (case_.op == "tstore") {
      store_itself();
    } else if (case_.op == "mscatter") {
      scatter_into_memory();
    } else {
      destination(case_.out, "d", "y", true);
      for (std::size_t k = 0; k < case_.more_outs.size(); ++k)
        destination(case_.more_outs[k], fmt::format("d{}", k + 1), fmt::format("y{}", k + 1), false);
      scalar_arguments();
      operation();
      store("y", case_.out, "d_whole", whole_type(case_.out, true), false);
      for (std::size_t k = 0; k < case_.more_outs.size(); ++k)
        store(fmt::format("y{}", k + 1), case_.more_outs[k], fmt::format("d{}_whole", k + 1),
              whole_type(case_.more_outs[k], true), false);
    }
    return fmt::format(
        "module attributes {{pto.target_arch = \"{}\"}} {{\n"
        "  func.func @one_op({}) attributes {{pto.kernel_kind = #pto.kernel_kind<vector>}} {{\n"
        "{}{}    return\n  }}\n}}\n",
        case_.arch, arguments_, constants_, body_);
  }

 private:
  // ---- pieces
  void line(std::string text) { body_ += "    " + std::move(text) + "\n"; }

  std::string constant(std::int64_t value, std::string_view type = "index") {
    const std::string id = fmt::format("%{}{}", type == "index" ? "c" : "a", value);
    if (std::exchange(declared_[id], true) == false)
      constants_ += fmt::format("    {} = arith.constant {} : {}\n", id, value, type);
    return id;
  }

  void argument(std::string_view id, std::string_view type) {
    arguments_ += fmt::format("{}%{}: {}", arguments_.empty() ? "" : ", ", id, type);
  }

  std::string pad_text(bool destination) const {
    if (!destination || case_.pad == PadWord::null) return "";
    return fmt::format(", pad={}", static_cast<int>(case_.pad));
  }

  std::string layout_text(const OpOperand& operand) const { return operand.column_major ? ", blayout=col_major" : ""; }

  // pto-format 1.2: both spellings of a tile type.
  std::string legacy_type(const OpOperand& operand, std::string_view rows, std::string_view cols,
                          bool destination) const {
    const TileShape& shape = operand.shape;
    return fmt::format(
        "!pto.tile_buf<loc=vec, dtype={}, rows={}, cols={}, v_row={}, v_col={}, blayout={}, slayout=none_box, "
        "fractal=512, pad={}>",
        element_name(shape.dtype), shape.rows, shape.cols, rows, cols, operand.column_major ? "col_major" : "row_major",
        destination ? static_cast<int>(case_.pad) : 0);
  }

  std::string whole_type(const OpOperand& operand, bool destination) const {
    if (case_.legacy)
      return legacy_type(operand, std::to_string(operand.shape.rows), std::to_string(operand.shape.cols), destination);
    return fmt::format("!pto.tile_buf<vec, {}{}{}>", shape_text(operand), layout_text(operand), pad_text(destination));
  }

  std::string valid_type(const OpOperand& operand, bool destination) const {
    if (case_.legacy)
      return case_.static_valid ? legacy_type(operand, std::to_string(operand.shape.valid_rows),
                                              std::to_string(operand.shape.valid_cols), destination)
                                : legacy_type(operand, "?", "?", destination);
    const std::string valid =
        case_.static_valid ? fmt::format("{}x{}", operand.shape.valid_rows, operand.shape.valid_cols) : "?x?";
    return fmt::format("!pto.tile_buf<vec, {}, valid={}{}{}>", shape_text(operand), valid, layout_text(operand),
                       pad_text(destination));
  }

  std::int64_t take_address(const OpOperand& operand) {
    const std::int64_t address = next_address_;
    next_address_ += (operand.shape.rows * operand.shape.cols * info(operand.shape.dtype).bits / 8 + 31) / 32 * 32;
    return address;
  }

  // %NAME_part: the leading rows x cols of the tensor, as a partition of this type.
  std::string partition(std::string_view tensor, const OpOperand& operand, std::int64_t rows, std::int64_t cols) {
    const std::string element = element_name(operand.shape.dtype);
    const std::string all_cols = constant(operand.shape.cols), one = constant(1), zero = constant(0);
    line(
        fmt::format("%{0}_view = pto.make_tensor_view %{0}, shape = [{1}, {2}], strides = [{2}, {3}] : "
                    "!pto.tensor_view<?x?x{4}>",
                    tensor, constant(operand.shape.rows), all_cols, one, element));
    const std::string type = fmt::format("!pto.partition_tensor_view<{}x{}x{}>", rows, cols, element);
    line(
        fmt::format("%{0}_part = pto.partition_view %{0}_view, offsets = [{1}, {1}], sizes = [{2}, {3}] : "
                    "!pto.tensor_view<?x?x{4}> -> {5}",
                    tensor, zero, constant(rows), constant(cols), element, type));
    return type;
  }

  void allocate_valid(std::string_view id, std::int64_t address, const OpOperand& operand, bool destination) {
    const std::string valid = case_.static_valid
                                  ? ""
                                  : fmt::format(" valid_row = {} valid_col = {}", constant(operand.shape.valid_rows),
                                                constant(operand.shape.valid_cols));
    line(fmt::format("%{} = pto.alloc_tile addr = {}{} : {}", id, constant(address, "i64"), valid,
                     valid_type(operand, destination)));
  }

  // Loads the whole tensor, then names the same bytes with the valid shape of the case.
  void load(const std::string& id, const OpOperand& operand, bool destination) {
    argument(id, fmt::format("!pto.ptr<{}>", element_name(operand.shape.dtype)));
    const std::int64_t address = take_address(operand);
    if (!destination) addresses_.push_back(address);
    if (case_.op == "tload" && !destination) return;  // the operation itself loads it
    const std::string part = partition(id, operand, operand.shape.rows, operand.shape.cols);
    const std::string whole = whole_type(operand, destination);
    line(fmt::format("%{}_whole = pto.alloc_tile addr = {} : {}", id, constant(address, "i64"), whole));
    line(fmt::format("pto.tload ins(%{0}_part : {1}) outs(%{0}_whole : {2})", id, part, whole));
    allocate_valid(id + "_tile", address, operand, destination);
    operands_.emplace_back("%" + id + "_tile", valid_type(operand, destination));
  }

  // A scalar's type in the text; unsigned ones are written signless where an operation counts with them.
  std::string scalar_type(const OpOperand& operand) const { return element_name(operand.shape.dtype); }

  void operand(std::size_t i) {
    const OpOperand& operand = case_.ins[i];
    if (operand.is_scalar()) {
      operands_.emplace_back(fmt::format("%s{}", i), scalar_type(operand));
      addresses_.push_back(-1);
    } else if (operand.kind == OpOperand::Kind::memory) {
      const std::string id = fmt::format("x{}", i);
      argument(id, fmt::format("!pto.ptr<{}>", element_name(operand.shape.dtype)));
      const std::string type = partition(id, operand, operand.shape.valid_rows, operand.shape.valid_cols);
      operands_.emplace_back("%" + id + "_part", type);
      addresses_.push_back(-1);
    } else {
      load(fmt::format("x{}", i), operand, false);
    }
  }

  void destination(const OpOperand& out, const std::string& before, const std::string& result, bool first) {
    if (first && case_.in_place) {
      argument(before, fmt::format("!pto.ptr<{}>", element_name(out.shape.dtype)));
      const std::int64_t address = addresses_[0];
      line(fmt::format("%{}_whole = pto.alloc_tile addr = {} : {}", before, constant(address, "i64"),
                       whole_type(out, true)));
      allocate_valid(before + "_tile", address, out, true);
      operands_.emplace_back("%" + before + "_tile", valid_type(out, true));
    } else {
      load(before, out, true);
    }
    outs_.push_back(operands_.back());
    operands_.pop_back();
    argument(result, fmt::format("!pto.ptr<{}>", element_name(out.shape.dtype)));
  }

  void scalar_arguments() {
    for (std::size_t i = 0; i < case_.ins.size(); ++i)
      if (case_.ins[i].is_scalar()) argument(fmt::format("s{}", i), scalar_type(case_.ins[i]));
  }

  void scratch() {
    if (case_.scratch_at < 0) return;
    // As large as any operand; row-major.
    OpOperand operand = case_.out;
    for (const OpOperand& in : case_.ins)
      if (!in.is_scalar() && in.shape.rows * in.shape.cols > operand.shape.rows * operand.shape.cols) operand = in;
    for (const OpOperand& in : case_.ins)
      if (!in.is_scalar()) {
        operand.shape.dtype = in.shape.dtype;
        break;
      }
    if (case_.op == "tmrgsort") operand.shape.cols = case_.out.shape.cols;
    const std::int64_t unit = 256 / info(operand.shape.dtype).bits;
    operand.column_major = false;
    operand.shape.cols = (operand.shape.cols + unit - 1) / unit * unit;
    const std::string type = whole_type(operand, false);
    line(fmt::format("%scratch = pto.alloc_tile addr = {} : {}", constant(take_address(operand), "i64"), type));
    operands_.insert(operands_.begin() + case_.scratch_at, {"%scratch", type});
  }

  std::string attributes_inside() const {
    std::string text;
    if (!case_.rmode.empty()) text += fmt::format("rmode = #pto<round_mode {}>", case_.rmode);
    if (!case_.satmode.empty())
      text += fmt::format("{}satmode = #pto<saturation_mode {}>", text.empty() ? "" : ", ", case_.satmode);
    for (const auto& attribute : case_.inside)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", attribute_text(attribute));
    return text.empty() ? "" : " {" + text + "}";
  }

  // An attribute's enumeration is named after its key; integers and booleans stand for themselves.
  static std::string attribute_text(const std::pair<std::string, std::string>& attribute) {
    const auto& [key, value] = attribute;
    if (value == "true" || value == "false") return fmt::format("{} = {}", key, value);
    if (value.find_first_not_of("0123456789") == std::string::npos) return fmt::format("{} = {} : i32", key, value);
    const std::string kind = key == "cmpMode"         ? "cmp"
                             : key == "maskPattern"   ? "mask_pattern"
                             : key == "grpAxis"       ? "mx_group_axis"
                             : key == "quantScaleAlg" ? "quant_scale_alg"
                                                      : key;
    return fmt::format("{} = #pto<{} {}>", key, kind, value);
  }

  std::string attributes_behind() const {
    std::string text = case_.descending ? "descending = true" : "";
    for (const auto& attribute : case_.behind)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", attribute_text(attribute));
    return text.empty() ? "" : " {" + text + "}";
  }

  void operation() {
    if (case_.op == "tload") {
      const std::string part =
          partition("x0", case_.ins[0], case_.ins[0].shape.valid_rows, case_.ins[0].shape.valid_cols);
      operands_ = {{"%x0_part", part}};
    }
    scratch();
    if (case_.op == "tmrgsort" && !case_.ins[1].is_scalar()) {
      line("%executed = pto.declare_local_array : !pto.local_array<4xi16>");
      outs_.emplace_back("%executed", "!pto.local_array<4xi16>");
    }
    const auto [values, types] = joined(operands_);
    const auto [out_values, out_types] = joined(outs_);
    line(fmt::format("pto.{} ins({}{} : {}) outs({} : {}){}", case_.op, values, attributes_inside(), types, out_values,
                     out_types, attributes_behind()));
  }

  static std::pair<std::string, std::string> joined(const std::vector<std::pair<std::string, std::string>>& operands) {
    std::string values, types;
    for (const auto& [id, type] : operands) {
      values += (values.empty() ? "" : ", ") + id;
      types += (types.empty() ? "" : ", ") + type;
    }
    return {values, types};
  }

  void store(std::string_view tensor, const OpOperand& operand, std::string_view tile, const std::string& type,
             bool valid_only) {
    const std::int64_t rows = valid_only ? operand.shape.valid_rows : operand.shape.rows;
    const std::int64_t cols = valid_only ? operand.shape.valid_cols : operand.shape.cols;
    const std::string part = partition(tensor, operand, rows, cols);
    line(fmt::format("pto.tstore ins(%{} : {}) outs(%{}_part : {})", tile, type, tensor, part));
  }

  // tstore: the tile's valid rectangle goes into a tensor that holds something else.
  void store_itself() {
    argument("d", fmt::format("!pto.ptr<{}>", element_name(case_.out.shape.dtype)));
    argument("y", fmt::format("!pto.ptr<{}>", element_name(case_.out.shape.dtype)));
    store("y", case_.out, "x0_tile", valid_type(case_.ins[0], false), true);
  }

  // mscatter: into a tensor that holds something else.
  void scatter_into_memory() {
    argument("d", fmt::format("!pto.ptr<{}>", element_name(case_.out.shape.dtype)));
    argument("y", fmt::format("!pto.ptr<{}>", element_name(case_.out.shape.dtype)));
    outs_.emplace_back("%y_part", partition("y", case_.out, case_.out.shape.rows, case_.out.shape.cols));
    operation();
  }

  const OpCase& case_;
  std::string arguments_, constants_, body_;
  std::map<std::string, bool> declared_;
  std::int64_t next_address_ = 0;
  std::vector<std::int64_t> addresses_;
  std::vector<std::pair<std::string, std::string>> operands_;  // value and type, as written in ins()
  std::vector<std::pair<std::string, std::string>> outs_;
};

}  // namespace

std::string op_kernel_text(const OpCase& c) { return needs_cube(c) ? cube_kernel_text(c) : KernelText(c).text(); }

}  // namespace assay::device
