// Static rules of transfers between memories and of the cube (pto-isa.md 1.2, 2.1, 2.2; pto-format.md 3.2, 3.4).
#include <algorithm>

#include "harness/pto/product.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

constexpr std::string_view kReluModes[] = {"no_relu", "normal_relu", "NoRelu", "NormalRelu"};
constexpr std::int64_t kMaxMatmulExtent = 4095;

struct Route {
  Space from, to;
};
// isa 2.1; L1 to UB is the op class TMOV_M2V of the events (format 3.5).
constexpr Route kMoves[] = {
    {Space::mat, Space::left},    {Space::mat, Space::right},      {Space::mat, Space::bias},
    {Space::mat, Space::scaling}, {Space::mat, Space::vec},        {Space::mat, Space::mat},
    {Space::vec, Space::vec},     {Space::vec, Space::mat},        {Space::acc, Space::mat},
    {Space::acc, Space::vec},     {Space::mat, Space::scale_left}, {Space::mat, Space::scale_right}};
constexpr Route kExtracts[] = {
    {Space::mat, Space::scale_left}, {Space::mat, Space::scale_right}, {Space::mat, Space::left},
    {Space::mat, Space::right},      {Space::mat, Space::scaling},     {Space::mat, Space::bias},
    {Space::mat, Space::mat},        {Space::mat, Space::vec},         {Space::acc, Space::mat},
    {Space::acc, Space::vec},        {Space::vec, Space::mat},         {Space::vec, Space::vec}};
constexpr Route kInserts[] = {{Space::acc, Space::mat},
                              {Space::acc, Space::vec},
                              {Space::vec, Space::mat},
                              {Space::vec, Space::vec},
                              {Space::mat, Space::mat}};

template <std::size_t N>
bool leads(const Route (&routes)[N], Space from, Space to) {
  return std::any_of(std::begin(routes), std::end(routes),
                     [&](const Route& route) { return route.from == from && route.to == to; });
}

// What the fixpipe makes of an accumulator, with and without a quantisation parameter (isa 2.7).
bool fixpipe_converts(DType from, DType to, bool quantised) {
  const bool plain = from == DType::f32 ? to == DType::f32 || to == DType::f16 || to == DType::bf16
                                        : to == DType::i32 || to == DType::f16;
  const bool narrow = to == DType::i8 || to == DType::u8 || to == DType::f16 || to == DType::bf16 ||
                      (from == DType::i32 && to == DType::i16);
  return plain || (quantised && narrow);
}

}  // namespace

void FunctionVerifier::check_transfer(const Operation& operation) {
  const bool load = operation.code == OpCode::tload;
  const ValueId view_id = load ? operation.segment(0)[0] : operation.segment(1)[0];
  const ValueId tile_id = load ? operation.segment(1)[0] : operation.segment(0)[0];
  const auto* view = as<ViewType>(view_id);
  const auto* tile = as<TileType>(tile_id);
  if (!view || !tile) {
    report(operation, "moves between a partition and a tile, found {} and {}", type_text(view_id), type_text(tile_id));
    return;
  }
  const bool local = tile->space == Space::vec || tile->space == Space::mat;
  if (!local && (load || tile->space != Space::acc)) {
    report(operation, "{} {}, found {}", load ? "loads into" : "stores from",
           load ? "vec or mat tiles" : "vec, mat or acc tiles", described(tile_id));
    return;
  }
  if (local && assay::info(view->element).bits != assay::info(tile->element).bits)
    report(operation, "element widths differ: {} in the view, {} in the tile: {}, {}", assay::name(view->element),
           assay::name(tile->element), described(view_id), described(tile_id));
  if (load) return;
  const std::string_view atomic = word(operation.attributes, "atomicType");
  if (!atomic.empty() && atomic != "atomic_none" && atomic != "atomic_add")
    report(operation, "atomicType {} is not executed by this version", atomic);
  const bool quantised = check_fixpipe(operation, *tile, operation.segment(0).subspan(1));
  if (!local && !fixpipe_converts(tile->element, view->element, quantised))
    report(operation, "an accumulator of {} cannot be stored as {}{}", assay::name(tile->element),
           assay::name(view->element), quantised ? "" : " without preQuantScalar or fp");
}

// The optional preQuantScalar or fp tile, and the attributes, of what leaves an accumulator. True when quantised.
bool FunctionVerifier::check_fixpipe(const Operation& operation, const TileType& source,
                                     std::span<const ValueId> parameter) {
  check_word(operation, "reluPreMode", kReluModes);
  const std::string_view relu = word(operation.attributes, "reluPreMode");
  const bool is_relu = relu == "normal_relu" || relu == "NormalRelu";
  if (source.space != Space::acc && (is_relu || !parameter.empty()))
    report(operation, "{} needs an acc tile as its source", is_relu ? "reluPreMode" : "a quantisation parameter");
  if (source.space == Space::acc && source.element != DType::f32 && source.element != DType::i32)
    report(operation, "an accumulator holds f32 or i32, found {}", assay::name(source.element));
  for (ValueId id : parameter) {
    const auto* tile = as<TileType>(id);
    if (tile ? tile->space != Space::scaling : !is_integer(id))
      report(operation, "preQuantScalar is an integer and fp a scaling tile, found {}", described(id));
  }
  return !parameter.empty();
}

void FunctionVerifier::check_elements_move(const Operation& operation, ValueId source_id, ValueId destination_id,
                                           bool quantised) {
  const TileType& source = *as<TileType>(source_id);
  const TileType& destination = *as<TileType>(destination_id);
  if (source.element == destination.element) return;
  if (source.space == Space::acc) {
    if (!fixpipe_converts(source.element, destination.element, quantised))
      report(operation, "an accumulator of {} cannot become {}{}: {}, {}", assay::name(source.element),
             assay::name(destination.element), quantised ? "" : " without preQuantScalar or fp", described(source_id),
             described(destination_id));
    return;
  }
  // isa 2.1: L1 to the bias table casts f16 to f32; the fixpipe's parameters are 64-bit words in any guise.
  if (destination.space == Space::bias && destination.element == DType::f32 &&
      (source.element == DType::f16 || source.element == DType::bf16))
    return;
  if (destination.space == Space::scaling) return;
  // Scales come as bytes too: tquant.mx writes them as such.
  if (holds_scales(destination.space) && source.element == DType::u8) return;
  report(operation, "operand 1 has element type {}, the destination {}: {}, {}", assay::name(source.element),
         assay::name(destination.element), described(source_id), described(destination_id));
}

void FunctionVerifier::check_move(const Operation& operation) {
  const auto ins = operation.segment(0);
  const ValueId out = operation.segment(1)[0];
  const auto* source = as<TileType>(ins[0]);
  const auto* destination = as<TileType>(out);
  if (!destination) {
    report(operation, "outs() must be a tile, found {}", described(out));
    return;
  }
  if (!source) {
    report(operation, "operand 1 must be a tile, found {}", described(ins[0]));
    return;
  }
  if (!leads(kMoves, source->space, destination->space)) {
    report(operation, "nothing moves from {} to {}: {}, {}", name(source->space), name(destination->space),
           described(ins[0]), described(out));
    return;
  }
  const bool quantised = check_fixpipe(operation, *source, ins.subspan(1));
  check_elements_move(operation, ins[0], out, quantised);
}

// textract and tinsert: source, row, column.
void FunctionVerifier::check_cut(const Operation& operation) {
  const auto ins = operation.segment(0);
  const ValueId out = operation.segment(1)[0];
  const auto* source = as<TileType>(ins[0]);
  const auto* destination = as<TileType>(out);
  if (!source || !destination) {
    report(operation, "takes a tile and writes a tile, found {} and {}", described(ins[0]), described(out));
    return;
  }
  const bool extract = operation.code == OpCode::textract;
  if (!expect_integers(operation, ins.subspan(1, 2))) return;
  if (extract ? !leads(kExtracts, source->space, destination->space)
              : !leads(kInserts, source->space, destination->space)) {
    report(operation, "nothing moves from {} to {}: {}, {}", name(source->space), name(destination->space),
           described(ins[0]), described(out));
    return;
  }
  const bool quantised = check_fixpipe(operation, *source, ins.subspan(3));
  check_elements_move(operation, ins[0], out, quantised);
  // The window lies in the larger tile.
  const TileType& whole = extract ? *source : *destination;
  const TileType& part = extract ? *destination : *source;
  const auto check = [&](std::string_view what, ValueId offset, std::int64_t extent, std::int64_t limit) {
    const auto at = constants_[offset];
    if (at && (*at < 0 || (extent != kDynamic && (extent > limit || *at > limit - extent))))
      report(operation, "{} {} and {} more reach beyond the {} {}s of {}", what, *at, extent, limit, what,
             described(extract ? ins[0] : out));
  };
  check("row", ins[1], part.valid_rows, whole.rows);
  check("column", ins[2], part.valid_cols, whole.cols);
}

// The scales of an operand: one for each block of 32 k's of a row of the left, of a column of the right.
void FunctionVerifier::check_scales(const Operation& operation, ValueId operand_id, ValueId scales_id) {
  const TileType& operand = *as<TileType>(operand_id);
  const TileType& scales = *as<TileType>(scales_id);
  const bool left = operand.space == Space::left;
  const std::int64_t k = left ? operand.cols : operand.rows, others = left ? operand.rows : operand.cols;
  if (k % (2 * kScaleBlock) != 0)
    report(operation, "k of the tile is {}, expected a multiple of {}: {}", k, 2 * kScaleBlock, described(operand_id));
  const auto extents = [&](const TileType& tile, bool valid) {
    const std::int64_t rows = valid ? tile.valid_rows : tile.rows, cols = valid ? tile.valid_cols : tile.cols;
    return left ? std::pair(rows, cols) : std::pair(cols, rows);
  };
  if (extents(scales, false) != std::pair(others, scale_blocks(k)))
    report(operation, "scales of {}x{} elements for an operand of {}x{}, expected one for {} k's: {}, {}", scales.rows,
           scales.cols, operand.rows, operand.cols, kScaleBlock, described(scales_id), described(operand_id));
  const auto [valid_others, valid_k] = extents(operand, true);
  const auto [scaled_others, scaled_blocks] = extents(scales, true);
  if ((valid_others != kDynamic && scaled_others != kDynamic && scaled_others != valid_others) ||
      (valid_k != kDynamic && scaled_blocks != kDynamic && scaled_blocks != scale_blocks(valid_k)))
    report(operation, "the valid scales are not those of the valid operand: {}, {}", described(scales_id),
           described(operand_id));
}

void FunctionVerifier::check_scale_address(const Operation& operation) {
  if (operation.segments[0] != 1 || operation.segments[1] != 1) {
    report(operation, "takes one operand of a product and its scales");
    return;
  }
  const auto* operand = as<TileType>(operation.operands[0]);
  const auto* scales = as<TileType>(operation.operands[1]);
  const bool left = operand && operand->space == Space::left;
  if (!operand || (!left && operand->space != Space::right))
    report(operation, "ins() must be a left or right tile, found {}", described(operation.operands[0]));
  else if (!scales || scales->space != (left ? Space::scale_left : Space::scale_right))
    report(operation, "outs() must be the scales of the {} operand, found {}", left ? "left" : "right",
           described(operation.operands[1]));
  else
    check_scales(operation, operation.operands[0], operation.operands[1]);
}

void FunctionVerifier::check_matmul(const Operation& operation) {
  const auto ins = operation.segment(0);
  const ValueId out = operation.segment(1)[0];
  const ProductForm form = *product_form(operation.code);
  const std::vector<Space> spaces = form.spaces();
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    const ValueId id = i < ins.size() ? ins[i] : out;
    const auto* tile = as<TileType>(id);
    if (tile && tile->space == spaces[i]) continue;
    if (holds_scales(spaces[i]))
      report(operation, "expected the scales of the {} operand, a scaling tile of !pto.f8E8M0 with {} boxes, found {}",
             spaces[i] == Space::scale_left ? "left" : "right",
             spaces[i] == Space::scale_left ? "row_major" : "col_major", described(id));
    else
      report(operation, "expected a {} tile, found {}", name(spaces[i]), described(id));
    return;
  }
  const ValueId left_id = ins[form.left()], right_id = ins[form.right()];
  const TileType *left = as<TileType>(left_id), *right = as<TileType>(right_id), *acc = as<TileType>(out);
  if (form.accumulates && as<TileType>(ins[0])->element != acc->element)
    report(operation, "accumulates {} into {}: {}, {}", assay::name(as<TileType>(ins[0])->element),
           assay::name(acc->element), described(ins[0]), described(out));
  if (form.biased && as<TileType>(ins[form.bias()])->element != acc->element)
    report(operation, "a bias of {} for an accumulator of {}: {}, {}",
           assay::name(as<TileType>(ins[form.bias()])->element), assay::name(acc->element), described(ins[form.bias()]),
           described(out));
  const auto is_fp8 = [](DType element) { return element == DType::e4m3fn || element == DType::e5m2; };
  const DType operand = left->element;
  const bool integers = operand == DType::i8;
  const bool floats = operand == DType::f16 || operand == DType::bf16 || operand == DType::f32;
  if (form.scaled) {
    if (!is_fp8(operand) || !is_fp8(right->element) || acc->element != DType::f32)
      report(operation, "{} times {} into {} is not legal, expected f8E4M3FN or f8E5M2 each into f32",
             assay::name(operand), assay::name(right->element), assay::name(acc->element));
    check_scales(operation, left_id, ins[form.left_scales()]);
    check_scales(operation, right_id, ins[form.right_scales()]);
  } else if (right->element != operand || (!integers && !floats) ||
             acc->element != (integers ? DType::i32 : DType::f32)) {
    report(operation, "{} times {} into {} is not legal, expected i8 times i8 into i32, or f16, bf16 or f32 into f32",
           assay::name(operand), assay::name(right->element), assay::name(acc->element));
  }
  const auto agree = [&](std::string_view what, std::int64_t a, ValueId a_id, std::int64_t b, ValueId b_id) {
    if (a != kDynamic && b != kDynamic && a != b)
      report(operation, "{} is {} and {}: {}, {}", what, a, b, described(a_id), described(b_id));
    if (a != kDynamic && a > kMaxMatmulExtent)
      report(operation, "{} is {}, at most {} (isa 1.2): {}", what, a, kMaxMatmulExtent, described(a_id));
  };
  agree("k", left->valid_cols, left_id, right->valid_rows, right_id);
  agree("m", left->valid_rows, left_id, acc->valid_rows, out);
  agree("n", right->valid_cols, right_id, acc->valid_cols, out);
}

}  // namespace assay::pto
