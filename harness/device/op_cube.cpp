#include "harness/device/op_cube.h"

#include <map>
#include <utility>

#include "harness/device/op_drawing.h"

namespace assay::device {
namespace {

std::string element_name(DType dtype) {
  if (dtype == DType::e4m3fn) return "f8E4M3FN";
  if (dtype == DType::e5m2) return "f8E5M2";
  if (dtype == DType::e8m0) return "!pto.f8E8M0";
  const std::string text(name(dtype));
  return text.starts_with('u') ? "ui" + text.substr(1) : text;
}

enum class Layout : std::uint8_t { plain, boxed, left_scales, right_scales };

// Layouts of the spaces on a2a3, and of scales wherever they stand (isa 1.3).
std::string layout_of(std::string_view space, Layout layout) {
  if (layout == Layout::plain) return "";
  if (layout == Layout::left_scales) return ", blayout=row_major, slayout=row_major, fractal=32";
  if (layout == Layout::right_scales) return ", blayout=col_major, slayout=col_major, fractal=32";
  if (space == "left") return ", blayout=row_major, slayout=row_major";
  if (space == "right") return ", blayout=row_major, slayout=col_major";
  if (space == "acc") return ", blayout=col_major, slayout=row_major, fractal=1024";
  return ", blayout=col_major, slayout=row_major";
}

bool is_product(const OpCase& c) { return c.op.starts_with("tmatmul") || c.op.starts_with("tgemv"); }
bool has_accumulator(const OpCase& c) { return c.op.ends_with(".acc"); }
bool has_bias(const OpCase& c) { return c.op.ends_with(".bias"); }
bool has_scales(const OpCase& c) { return c.op.find(".mx") != std::string::npos; }

struct Tile {
  std::string id, type;
};

class CubeText {
 public:
  explicit CubeText(const OpCase& c) : case_(c) {}

  std::string text() {
    for (std::size_t i = 0; i < case_.ins.size(); ++i)
      if (!case_.ins[i].is_scalar()) argument(fmt::format("x{}", i), case_.ins[i].shape.dtype);
    if (has_accumulator(case_)) argument("identity", case_.ins[0].shape.dtype);
    argument("d", case_.out.shape.dtype);
    argument("y", case_.out.shape.dtype);
    for (std::size_t i = 0; i < case_.ins.size(); ++i)
      if (case_.ins[i].is_scalar()) arguments_ += fmt::format(", %s{}: {}", i, element_name(case_.ins[i].shape.dtype));
    is_product(case_) ? product() : move();
    return fmt::format(
        "module attributes {{pto.target_arch = \"{}\"}} {{\n"
        "  func.func @one_op({}) attributes {{pto.kernel_kind = #pto.kernel_kind<cube>}} {{\n"
        "{}{}    return\n  }}\n}}\n",
        case_.arch, arguments_, constants_, body_);
  }

 private:
  void line(std::string text) { body_ += "    " + std::move(text) + "\n"; }

  std::string constant(std::int64_t value, std::string_view type = "index") {
    const std::string id = fmt::format("%{}{}", type == "index" ? "c" : "a", value);
    if (!std::exchange(declared_[id], true))
      constants_ += fmt::format("    {} = arith.constant {} : {}\n", id, value, type);
    return id;
  }

  void argument(const std::string& id, DType dtype) {
    arguments_ += fmt::format("{}%{}: !pto.ptr<{}>", arguments_.empty() ? "" : ", ", id, element_name(dtype));
  }

  // The leading rows x cols of a tensor.
  Tile partition(const std::string& tensor, const TileShape& shape, std::int64_t rows, std::int64_t cols) {
    const std::string element = element_name(shape.dtype);
    if (!std::exchange(declared_[tensor + "_view"], true))
      line(
          fmt::format("%{0}_view = pto.make_tensor_view %{0}, shape = [{1}, {2}], strides = [{2}, {3}] : "
                      "!pto.tensor_view<?x?x{4}>",
                      tensor, constant(shape.rows), constant(shape.cols), constant(1), element));
    const std::string id = fmt::format("%{}_part{}", tensor, parts_++);
    const std::string type = fmt::format("!pto.partition_tensor_view<{}x{}x{}>", rows, cols, element);
    line(
        fmt::format("{0} = pto.partition_view %{1}_view, offsets = [{2}, {2}], sizes = [{3}, {4}] : "
                    "!pto.tensor_view<?x?x{5}> -> {6}",
                    id, tensor, constant(0), constant(rows), constant(cols), element, type));
    return {id, type};
  }

  // A tile of the space at the next free address, or at the given one.
  Tile allocate(std::string_view space, const TileShape& shape, Layout layout = Layout::boxed,
                std::int64_t address = -1) {
    std::int64_t& next = next_[std::string(space)];
    if (address < 0) {
      address = next;
      next += round_up(shape.rows * shape.cols * info(shape.dtype).bits / 8, 512);
    }
    last_address_ = address;
    const std::string id = fmt::format("%{}{}", space, tiles_++);
    const bool whole = shape.valid_rows == shape.rows && shape.valid_cols == shape.cols;
    const bool fixed = case_.static_valid || whole;
    const std::string valid = whole   ? ""
                              : fixed ? fmt::format(", valid={}x{}", shape.valid_rows, shape.valid_cols)
                                      : ", valid=?x?";
    const std::string type = fmt::format("!pto.tile_buf<{}, {}x{}x{}{}{}>", space, shape.rows, shape.cols,
                                         element_name(shape.dtype), valid, layout_of(space, layout));
    const std::string extents =
        fixed ? ""
              : fmt::format(" valid_row = {} valid_col = {}", constant(shape.valid_rows), constant(shape.valid_cols));
    line(fmt::format("{} = pto.alloc_tile addr = {}{} : {}", id, constant(address, "i64"), extents, type));
    return {id, type};
  }

  static TileShape whole(TileShape shape) {
    shape.valid_rows = shape.rows;
    shape.valid_cols = shape.cols;
    return shape;
  }

  // The tensor in mat, then the same bytes with the operand's valid shape.
  Tile load(const std::string& tensor, const TileShape& shape, Layout layout = Layout::boxed) {
    const Tile part = partition(tensor, shape, shape.rows, shape.cols);
    const Tile all = allocate("mat", whole(shape), layout);
    line(fmt::format("pto.tload ins({} : {}) outs({} : {})", part.id, part.type, all.id, all.type));
    return allocate("mat", shape, layout, last_address_);
  }

  Tile move_to(std::string_view space, const Tile& source, const TileShape& shape, Layout layout = Layout::boxed,
               std::int64_t address = -1) {
    const Tile tile = allocate(space, shape, layout, address);
    line(fmt::format("pto.tmov ins({} : {}) outs({} : {})", source.id, source.type, tile.id, tile.type));
    return tile;
  }

  Tile operand(std::size_t index, std::string_view space) {
    const TileShape& shape = case_.ins[index].shape;
    return move_to(space, load(fmt::format("x{}", index), shape), shape);
  }

  // The scales of the operand moved last: the cube takes them from its address / 16.
  Tile scales(std::size_t index, Layout layout) {
    const std::int64_t address = last_address_ / 16;
    const TileShape& shape = case_.ins[index].shape;
    return move_to("scaling", load(fmt::format("x{}", index), shape, layout), shape, layout, address);
  }

  void multiply(std::string_view op, const std::vector<Tile>& ins, const Tile& out) {
    std::string values, types;
    for (const Tile& tile : ins) {
      values += (values.empty() ? "" : ", ") + tile.id;
      types += (types.empty() ? "" : ", ") + tile.type;
    }
    line(fmt::format("pto.{} ins({} : {}) outs({} : {})", op, values, types, out.id, out.type));
  }

  void store(const Tile& tile, const std::string& attributes = "", const std::string& operands = "",
             const std::string& types = "") {
    const TileShape& shape = case_.out.shape;
    const Tile part = partition("y", shape, shape.valid_rows, shape.valid_cols);
    line(fmt::format("pto.tstore ins({}{} : {}{}) outs({} : {}){}", tile.id, operands, tile.type, types, part.id,
                     part.type, attributes));
  }

  void product() {
    const std::size_t first = has_accumulator(case_) ? 1 : 0;
    const Tile acc = allocate("acc", case_.out.shape);
    if (has_accumulator(case_)) {
      const TileShape& start = case_.ins[0].shape;
      const Tile left = operand(0, "left");
      const TileShape square{start.dtype, start.cols, start.cols, start.valid_cols, start.valid_cols};
      const Tile right = move_to("right", load("identity", square), square);
      multiply("tmatmul", {left, right}, acc);
    }
    std::vector<Tile> ins;
    if (has_accumulator(case_)) ins.push_back(acc);
    std::size_t at = first;
    ins.push_back(operand(at++, "left"));
    if (has_scales(case_)) ins.push_back(scales(at++, Layout::left_scales));
    ins.push_back(operand(at++, "right"));
    if (has_scales(case_)) ins.push_back(scales(at++, Layout::right_scales));
    if (has_bias(case_)) {
      const TileShape& bias = case_.ins[at].shape;
      const std::string tensor = fmt::format("x{}", at);
      ins.push_back(move_to("bias", load(tensor, bias, Layout::plain), bias, Layout::plain));
    }
    multiply(case_.op, ins, acc);
    store(acc);
  }

  // tstore, tmov, textract and tinsert out of an accumulator.
  void move() {
    TileShape acc_shape = case_.ins[0].shape;
    acc_shape.dtype = acc_shape.dtype == DType::i8 ? DType::i32 : DType::f32;
    acc_shape.cols = case_.ins[1].shape.cols;
    acc_shape.valid_cols = case_.ins[1].shape.valid_cols;
    const Tile acc = allocate("acc", acc_shape);
    multiply("tmatmul", {operand(0, "left"), operand(1, "right")}, acc);
    std::string operands, types;
    for (std::size_t i = 2; i < case_.ins.size(); ++i) {
      const OpOperand& in = case_.ins[i];
      if (in.is_scalar()) {
        operands += fmt::format(", %s{}", i);
        types += ", i64";
      } else {
        const Tile words =
            move_to("scaling", load(fmt::format("x{}", i), in.shape, Layout::plain), in.shape, Layout::plain);
        operands += ", " + words.id;
        types += ", " + words.type;
      }
    }
    const std::string attributes = case_.behind.empty() ? "" : " {reluPreMode = #pto<relu_pre_mode normal_relu>}";
    if (case_.op == "tstore") return store(acc, attributes, operands, types);
    const Tile out = case_.accumulates ? load("d", case_.out.shape) : allocate("mat", case_.out.shape);
    line(fmt::format("pto.{} ins({}{} : {}{}) outs({} : {}){}", case_.op, acc.id, operands, acc.type, types, out.id,
                     out.type, attributes));
    store(out);
  }

  const OpCase& case_;
  std::string arguments_, constants_, body_;
  std::map<std::string, bool> declared_;
  std::map<std::string, std::int64_t> next_;
  std::int64_t last_address_ = 0;
  int parts_ = 0, tiles_ = 0;
};

}  // namespace

std::string cube_kernel_text(const OpCase& c) { return CubeText(c).text(); }

std::vector<Tensor> cube_support(const OpCase& c) {
  if (!needs_cube(c) || !has_accumulator(c)) return {};
  const TileShape& start = c.ins[0].shape;
  OpCase identity;
  identity.ins.push_back({OpOperand::Kind::tile, {start.dtype, start.cols, start.cols, 0, 0}, false, "@identity"});
  identity.out.shape = {start.dtype, 1, 1, 1, 1};
  return make_op_data(identity).ins;
}

Result<std::vector<goldens::Admissible>> expected_of_cube(const OpCase& c, const OpData& data,
                                                          goldens::TileOpRequest request, const Profile& profile) {
  if (is_product(c)) return goldens::evaluate(request, profile);
  // The accumulator: exact for i8; for f32 the operand itself, where its zeros lost their sign.
  TileShape shape = c.ins[0].shape;
  shape.cols = c.ins[1].shape.cols;
  shape.valid_cols = c.ins[1].shape.valid_cols;
  goldens::TileValue accumulator{shape, std::vector<std::uint64_t>(static_cast<std::size_t>(shape.rows * shape.cols))};
  accumulator.shape.dtype = shape.dtype == DType::i8 ? DType::i32 : DType::f32;
  goldens::TileOpRequest product;
  product.op = "tmatmul";
  product.ins = {request.ins[0], request.ins[1]};
  product.out = accumulator.shape;
  std::vector<goldens::Admissible> elements;
  if (shape.dtype == DType::i8) {
    auto exact = goldens::evaluate(product, profile);
    if (!exact) return exact;
    elements = std::move(*exact);
  }
  for (std::int64_t i = 0; i < shape.valid_rows; ++i)
    for (std::int64_t j = 0; j < shape.valid_cols; ++j) {
      std::uint64_t& bits = accumulator.bits[static_cast<std::size_t>(i * shape.cols + j)];
      bits = elements.empty() ? data.ins[0].bits(i * c.ins[0].shape.cols + j)
                              : elements[static_cast<std::size_t>(i * shape.valid_cols + j)].lo;
      if (elements.empty() && bits == 0x80000000U) bits = 0;
    }
  request.ins.erase(request.ins.begin(), request.ins.begin() + 2);
  request.ins.insert(request.ins.begin(), std::move(accumulator));
  return goldens::evaluate(request, profile);
}

}  // namespace assay::device
