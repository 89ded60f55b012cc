// One class, since every kind of operation draws its operands from the same pool of visible values.
#include "harness/pto/generate_module.h"

#include <algorithm>
#include <random>

#include "harness/pto/element_scalar.h"
#include "harness/pto/known_ops.h"
#include "harness/pto/literal.h"
#include "harness/pto/product.h"

namespace assay::pto {
namespace {

constexpr ScalarKind kIntegers[] = {ScalarKind::i1,   ScalarKind::i8,   ScalarKind::i16,  ScalarKind::i32,
                                    ScalarKind::i64,  ScalarKind::ui8,  ScalarKind::ui16, ScalarKind::ui32,
                                    ScalarKind::ui64, ScalarKind::index};
constexpr ScalarKind kFloats[] = {ScalarKind::f16, ScalarKind::bf16, ScalarKind::f32};
constexpr DType kElements[] = {DType::f32, DType::f16, DType::bf16, DType::i8,  DType::u8, DType::i16,
                               DType::u16, DType::i32, DType::u32,  DType::i64, DType::u64};

ScalarKind scalar_kind(DType element) { return scalar_of(element).value_or(ScalarKind::f32); }

class FunctionGenerator {
 public:
  FunctionGenerator(std::mt19937_64& random, const GenerateOptions& options, const std::vector<Function>& earlier)
      : random_(random), options_(options), earlier_(earlier) {}

  Function run(std::string name) {
    function_.name = std::move(name);
    for (int i = below(3); i > 0; --i) argument(ScalarType{integer_kind()});
    if (chance(2)) argument(ScalarType{pick(kFloats)});
    if (chance(3)) function_.attributes.emplace_back("pto.kernel_kind", Attribute{EnumAttr{"kernel_kind", "vector"}});
    for (int i = below(3); i > 0; --i) function_.results.push_back(ScalarType{integer_kind()});
    body_ = &function_.body;
    statements(options_.operations, options_.depth);
    Operation end = make(OpCode::return_op);
    std::vector<ValueId> values;
    for (const Type& type : function_.results) values.push_back(value(type));
    segment(end, values);
    emit(std::move(end));
    renumber(function_);
    return std::move(function_);
  }

 private:
  // ---- choices
  int below(int bound) { return static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }
  bool chance(int one_in) { return below(one_in) == 0; }
  template <class T, std::size_t N>
  T pick(const T (&from)[N]) {
    return from[below(static_cast<int>(N))];
  }
  ScalarKind integer_kind() { return pick(kIntegers); }

  // ---- values
  ValueId fresh(Type type) {
    static constexpr std::string_view kNames[] = {"", "", "x", "tile", "a.b$c", "v-1", "0", "17", "_"};
    function_.values.push_back({std::string(kNames[below(std::size(kNames))]), std::move(type)});
    return static_cast<ValueId>(function_.values.size() - 1);
  }
  ValueId argument(Type type) {
    const ValueId id = fresh(std::move(type));
    function_.arguments.push_back(id);
    visible_.insert(visible_.begin(), id);
    ++arguments_;
    return id;
  }
  ValueId value(const Type& type) {
    std::vector<ValueId> candidates;
    for (ValueId id : visible_)
      if (function_.type(id) == type) candidates.push_back(id);
    if (!candidates.empty() && !chance(4))
      return candidates[static_cast<std::size_t>(below(static_cast<int>(candidates.size())))];
    return make_value(type);
  }
  ValueId make_value(const Type& type) {
    if (const auto* scalar = std::get_if<ScalarType>(&type)) return constant(scalar->kind);
    if (std::holds_alternative<TileType>(type)) return alloc(std::get<TileType>(type));
    if (const auto* multi = std::get_if<MultiTileType>(&type)) return alloc(multi->tile, multi->count);
    if (std::holds_alternative<VectorType>(type)) {
      Operation dense = make(OpCode::arith_constant, {});
      attribute(dense, "value", "dense", "0");
      return result(std::move(dense), type);
    }
    if (std::holds_alternative<LocalArrayType>(type)) return result(make(OpCode::declare_local_array, {}), type);
    if (const auto* view = std::get_if<ViewType>(&type)) return view->partition ? partition(*view) : tensor_view(*view);
    return argument(type);
  }
  ValueId index() { return value(ScalarType{ScalarKind::index}); }

  // ---- building
  Operation make(OpCode code) {
    Operation operation;
    operation.code = code;
    return operation;
  }
  Operation make(OpCode code, const std::vector<ValueId>& operands) {
    Operation operation = make(code);
    segment(operation, operands);
    return operation;
  }
  static void segment(Operation& operation, const std::vector<ValueId>& operands) {
    operation.operands.insert(operation.operands.end(), operands.begin(), operands.end());
    operation.segments.push_back(static_cast<std::uint32_t>(operands.size()));
  }
  void emit(Operation operation) {
    visible_.insert(visible_.end(), operation.results.begin(), operation.results.end());
    body_->body.push_back(std::move(operation));
  }
  ValueId result(Operation operation, Type type) {
    const ValueId id = fresh(std::move(type));
    operation.results.push_back(id);
    emit(std::move(operation));
    return id;
  }
  // Runs `fill` with the region as the current one; what it defines is invisible afterwards.
  template <class Fill>
  void inside(Region& region, const Fill& fill) {
    Region* outer = body_;
    const std::size_t mark = visible_.size() - arguments_;
    body_ = &region;
    visible_.insert(visible_.end(), region.arguments.begin(), region.arguments.end());
    fill();
    visible_.resize(mark + arguments_);
    body_ = outer;
  }

  // ---- scalars
  ValueId constant(ScalarKind kind) {
    Operation operation = make(OpCode::arith_constant, {});
    Attribute attribute;
    if (is_float(kind)) {
      const std::uint64_t bits = random_() & (kind == ScalarKind::f32 ? 0xFFFFFFFFULL : 0xFFFFULL);
      attribute.value = FloatAttr{*float_from_bits(bits, kind), kind};
    } else if (kind == ScalarKind::i1) {
      attribute.value = chance(2);
    } else {
      const std::uint64_t bits = chance(2) ? random_() % 64 : random_() >> below(64);
      const int width = bits_of(kind);
      const std::uint64_t mask = width == 64 ? ~0ULL : (1ULL << width) - 1;
      std::uint64_t wrapped = bits & mask;
      if (!is_unsigned(kind) && wrapped >> (width - 1)) wrapped |= ~mask;
      attribute.value = IntAttr{static_cast<std::int64_t>(wrapped), kind};
    }
    operation.attributes.emplace_back("value", attribute);
    return result(std::move(operation), ScalarType{kind});
  }
  void cast(OpCode code) {
    ScalarKind from = ScalarKind::i16, to = ScalarKind::i64;
    switch (code) {
      case OpCode::arith_trunci:
        std::swap(from, to);
        break;
      case OpCode::arith_index_cast:
      case OpCode::arith_index_castui:
        from = ScalarKind::index;
        break;
      case OpCode::arith_sitofp:
      case OpCode::arith_uitofp:
        to = pick(kFloats);
        break;
      case OpCode::arith_fptosi:
      case OpCode::arith_fptoui:
        from = pick(kFloats);
        break;
      case OpCode::arith_extf:
        from = ScalarKind::f16, to = ScalarKind::f32;
        break;
      case OpCode::arith_truncf:
        from = ScalarKind::f32, to = ScalarKind::bf16;
        break;
      case OpCode::arith_bitcast:
        from = ScalarKind::f32, to = ScalarKind::i32;
        break;
      default:
        break;
    }
    result(make(code, {value(ScalarType{from})}), ScalarType{to});
  }
  void arith(OpCode code) {
    if (code == OpCode::arith_constant) {
      constant(chance(2) ? integer_kind() : pick(kFloats));
      return;
    }
    if (code >= OpCode::arith_extsi && code <= OpCode::arith_truncf) return cast(code);
    if (code == OpCode::arith_bitcast) return cast(code);
    const bool floats = code >= OpCode::arith_addf && code <= OpCode::arith_cmpf;
    const Type type = ScalarType{floats ? pick(kFloats) : integer_kind()};
    if (code == OpCode::arith_select) {
      const ValueId condition = value(ScalarType{ScalarKind::i1});
      const ValueId a = value(type), b = value(type);
      result(make(code, {condition, a, b}), type);
      return;
    }
    std::vector<ValueId> operands{value(type)};
    if (code != OpCode::arith_negf) operands.push_back(value(type));
    Operation operation = make(code, operands);
    const bool compare = code == OpCode::arith_cmpi || code == OpCode::arith_cmpf;
    if (compare)
      operation.attributes.emplace_back("predicate", Attribute{StringAttr{code == OpCode::arith_cmpi ? "ult" : "oge"}});
    else if (chance(8))
      operation.attributes.emplace_back(floats ? "fastmath" : "overflow",
                                        Attribute{EnumAttr{"", floats ? "contract" : "nsw"}});
    result(std::move(operation), compare ? Type{ScalarType{ScalarKind::i1}} : type);
  }

  // ---- views and tiles
  TileType tile_type(DType element) {
    TileType tile;
    tile.element = element;
    const std::int64_t unit = 32 * 8 / assay::info(element).bits;
    tile.rows = 1 + below(16);
    tile.cols = unit * (1 + below(3));
    if (chance(4)) {
      tile.blayout = BoxOrder::col_major;
      std::swap(tile.rows, tile.cols);
    }
    const auto valid = [&](std::int64_t extent) {
      return chance(3) ? kDynamic : chance(3) ? below(static_cast<int>(extent) + 1) : extent;
    };
    tile.valid_rows = valid(tile.rows);
    tile.valid_cols = valid(tile.cols);
    tile.pad = static_cast<Pad>(below(4));
    if (chance(8)) tile.compact = below(3);
    if (chance(8)) tile.fractal = 1024;
    return tile;
  }
  // `count` buffers of one type when it is not 0.
  ValueId alloc(const TileType& tile, std::int64_t count = 0) {
    std::vector<ValueId> address, rows, cols;
    if (!chance(3)) address.push_back(value(ScalarType{ScalarKind::i64}));
    if (tile.valid_rows == kDynamic && !chance(4)) rows.push_back(index());
    if (tile.valid_cols == kDynamic && !chance(4)) cols.push_back(index());
    Operation operation = make(count == 0 ? OpCode::alloc_tile : OpCode::alloc_multi_tile);
    for (const auto& part : {address, rows, cols}) segment(operation, part);
    return result(std::move(operation), count == 0 ? Type{tile} : Type{MultiTileType{tile, count}});
  }
  ValueId index_of(std::int64_t number) {
    Operation operation = make(OpCode::arith_constant, {});
    operation.attributes.emplace_back("value", Attribute{IntAttr{number, ScalarKind::index}});
    return result(std::move(operation), ScalarType{ScalarKind::index});
  }
  std::vector<ValueId> indices(std::size_t count) {
    std::vector<ValueId> ids;
    for (std::size_t i = 0; i < count; ++i) ids.push_back(index());
    return ids;
  }
  ValueId tensor_view(const ViewType& view) {
    const ValueId pointer = value(PtrType{view.element});
    Operation operation = make(OpCode::make_tensor_view);
    segment(operation, {pointer});
    segment(operation, indices(view.shape.size()));
    segment(operation, indices(view.shape.size()));
    if (chance(3)) operation.attributes.emplace_back("layout", Attribute{EnumAttr{"layout", "dn"}});
    return result(std::move(operation), view);
  }
  ValueId partition(const ViewType& view) {
    ViewType whole = view;
    whole.partition = false;
    std::fill(whole.shape.begin(), whole.shape.end(), kDynamic);
    const ValueId source = value(whole);
    std::vector<ValueId> sizes;
    for (std::int64_t extent : view.shape) sizes.push_back(extent == kDynamic ? index() : index_of(extent));
    Operation operation = make(OpCode::partition_view);
    segment(operation, {source});
    segment(operation, indices(view.shape.size()));
    segment(operation, sizes);
    return result(std::move(operation), view);
  }
  ViewType view_type(DType element, bool partition) {
    return {element, std::vector<std::int64_t>(static_cast<std::size_t>(1 + below(5)), kDynamic), partition};
  }
  void view(OpCode code) {
    const DType element = pick(kElements);
    const Type scalar = ScalarType{scalar_kind(element)};
    switch (code) {
      case OpCode::make_tensor_view:
        tensor_view(view_type(element, false));
        return;
      case OpCode::partition_view:
        partition(view_type(element, true));
        return;
      case OpCode::alloc_tile:
        alloc(tile_type(element));
        return;
      case OpCode::alloc_multi_tile:
        alloc(tile_type(element), 1 + below(4));
        return;
      case OpCode::multi_tile_get: {
        const TileType tile = tile_type(element);
        const ValueId buffers = value(MultiTileType{tile, 4});
        result(make(code, {buffers, argument(ScalarType{ScalarKind::index})}), tile);
        return;
      }
      case OpCode::get_validshape:
        results(make(code, {value(tile_type(element))}),
                {ScalarType{ScalarKind::index}, ScalarType{ScalarKind::index}});
        return;
      case OpCode::get_tensor_view_dim: {
        const ValueId view = value(view_type(element, chance(2)));
        result(make(code, {view, argument(ScalarType{ScalarKind::index})}), ScalarType{ScalarKind::index});
        return;
      }
      case OpCode::tget_scale_addr: {
        const bool left = chance(2);
        const ValueId factor = value(factor_tile(left ? Space::left : Space::right));
        const ValueId scales = value(scale_tile(left ? Space::scale_left : Space::scale_right));
        return finish(make(code), {factor}, {scales});
      }
      case OpCode::set_validshape: {
        TileType tile = tile_type(element);
        tile.valid_rows = tile.valid_cols = kDynamic;
        const ValueId id = alloc(tile);
        Operation operation = make(code);
        for (ValueId operand : {id, index(), index()}) segment(operation, {operand});
        emit(std::move(operation));
        return;
      }
      case OpCode::subview:
        subview(tile_type(element));
        return;
      case OpCode::treshape: {
        TileType tile = tile_type(element), flat = tile;
        if (tile.blayout == BoxOrder::row_major) flat.rows = 1, flat.cols = tile.rows * tile.cols;
        flat.valid_rows = flat.rows, flat.valid_cols = flat.cols;
        result(make(code, {value(tile)}), flat);
        return;
      }
      case OpCode::bitcast: {
        TileType tile = tile_type(DType::f32), other = tile;
        other.element = DType::i32;
        result(make(code, {value(tile)}), other);
        return;
      }
      case OpCode::tassign: {
        const TileType tile = tile_type(element);
        const ValueId source = value(tile);
        result(make(code, {source, value(ScalarType{ScalarKind::i64})}), tile);
        return;
      }
      case OpCode::addptr: {
        const ValueId pointer = value(PtrType{element});
        result(make(code, {pointer, index()}), PtrType{element});
        return;
      }
      case OpCode::load_scalar:
      case OpCode::store_scalar: {
        const ValueId pointer = value(PtrType{element}), offset = index();
        Operation operation = make(code);
        if (code == OpCode::store_scalar) segment(operation, {value(scalar)});
        segment(operation, {pointer});
        segment(operation, {offset});
        if (code == OpCode::load_scalar)
          result(std::move(operation), scalar);
        else
          emit(std::move(operation));
        return;
      }
      case OpCode::tgetval: {
        const ValueId tile = value(tile_type(element));
        result(make(code, {tile, index()}), scalar);
        return;
      }
      case OpCode::tsetval: {
        const ValueId tile = value(tile_type(element)), offset = index();
        emit(make(code, {tile, offset, value(scalar)}));
        return;
      }
      case OpCode::declare_local_array:
        result(make(code, {}), LocalArrayType{element, 1 + below(64)});
        return;
      case OpCode::local_array_get:
      case OpCode::local_array_set: {
        const ValueId array = value(LocalArrayType{element, 16}), at = index();
        if (code == OpCode::local_array_get)
          result(make(code, {array, at}), scalar);
        else
          emit(make(code, {array, at, value(scalar)}));
        return;
      }
      default:
        emit(make(OpCode::tprint, {value(tile_type(element))}));
        return;
    }
  }
  void subview(TileType parent) {
    const ValueId source = value(parent);
    TileType tile = parent;
    tile.rows = 1 + below(static_cast<int>(parent.rows));
    tile.cols = 1 + below(static_cast<int>(parent.cols));
    tile.valid_rows = tile.rows;
    tile.valid_cols = kDynamic;
    Operation operation = make(OpCode::subview);
    segment(operation, {source});
    segment(operation, indices(2));
    segment(operation, chance(2) ? indices(2) : std::vector<ValueId>{});
    operation.static_sizes = {tile.rows, tile.cols};
    result(std::move(operation), tile);
  }
  DType legal_element(const OpInfo& row) {
    DType element = pick(kElements);
    while (row.dtypes.bits != 0 && !row.dtypes.contains(element)) element = pick(kElements);
    return element;
  }
  TileType tile_in(Space space, DType element) {  // 16 rows and columns of boxes fit every layout
    TileType tile;
    tile.space = space;
    tile.element = element;
    tile.rows = tile.valid_rows = tile.cols = tile.valid_cols = 32;
    if (chance(3)) tile.valid_rows = kDynamic;
    return tile;
  }
  ValueId tile_of(Space space, DType element) { return value(tile_in(space, element)); }
  void attribute(Operation& operation, std::string_view key, std::string_view kind, std::string_view word) {
    operation.attributes.emplace_back(std::string(key), Attribute{EnumAttr{std::string(kind), std::string(word)}});
  }
  void number(Operation& operation, std::string_view key, std::int64_t number) {
    operation.attributes.emplace_back(std::string(key), Attribute{IntAttr{number, std::nullopt}});
  }

  // What leaves an accumulator: a quantisation parameter, a mode.
  void fixpipe(Operation& operation, std::vector<ValueId>& ins) {
    if (chance(2)) ins.push_back(chance(2) ? value(ScalarType{ScalarKind::i64}) : tile_of(Space::scaling, DType::u64));
    if (chance(2)) attribute(operation, "reluPreMode", "relu_pre_mode", chance(2) ? "normal_relu" : "no_relu");
  }
  void transfer(Operation operation) {
    const bool load = operation.code == OpCode::tload;
    const bool accumulator = !load && chance(3);
    const DType element = accumulator ? DType::f32 : pick(kElements);
    const ValueId window = value(view_type(accumulator && chance(2) ? DType::bf16 : element, true));
    const ValueId buffer = accumulator ? tile_of(Space::acc, element)
                           : chance(3) ? tile_of(Space::mat, element)
                                       : value(tile_type(element));
    std::vector<ValueId> ins{load ? window : buffer};
    if (accumulator) fixpipe(operation, ins);
    if (!load && chance(3)) attribute(operation, "atomicType", "atomic_type", "atomic_add");
    finish(std::move(operation), ins, {load ? buffer : window});
  }
  void move(Operation operation) {
    const DType element = pick(kElements);
    std::vector<ValueId> ins;
    ValueId out = 0;
    if (chance(3)) {
      ins = {tile_of(Space::acc, DType::f32)};
      fixpipe(operation, ins);
      out = tile_of(chance(2) ? Space::mat : Space::vec, chance(2) ? DType::f32 : DType::f16);
    } else if (chance(2)) {
      ins = {value(tile_type(element))};
      out = value(tile_type(element));
    } else {
      static constexpr Space kTargets[] = {Space::left, Space::right, Space::bias, Space::scaling};
      ins = {tile_of(Space::mat, element)};
      out = tile_of(pick(kTargets), element);
    }
    finish(std::move(operation), ins, {out});
  }
  void cut(Operation operation) {
    const bool extract = operation.code == OpCode::textract;
    const bool accumulator = chance(2);
    const DType element = accumulator ? DType::f32 : pick(kElements);
    std::vector<ValueId> ins{tile_of(accumulator ? Space::acc : extract ? Space::mat : Space::vec, element)};
    for (int i = 0; i < 2; ++i) ins.push_back(argument(ScalarType{ScalarKind::index}));
    if (accumulator) fixpipe(operation, ins);
    const ValueId out = tile_of(accumulator ? Space::mat : extract ? Space::left : Space::mat, element);
    finish(std::move(operation), ins, {out});
  }
  void matmul(Operation operation, const ProductForm& form) {
    const bool integers = !form.scaled && chance(3);
    const DType operand = integers ? DType::i8 : chance(2) ? DType::f16 : DType::f32;
    const DType acc = integers ? DType::i32 : DType::f32;
    std::vector<ValueId> ins;
    for (const Space space : form.spaces()) {
      const bool factor = space == Space::left || space == Space::right;
      if (form.scaled && factor)
        ins.push_back(value(factor_tile(space)));
      else if (holds_scales(space))
        ins.push_back(value(scale_tile(space)));
      else
        ins.push_back(tile_of(space, factor ? operand : acc));
    }
    const ValueId out = ins.back();
    ins.pop_back();
    finish(std::move(operation), ins, {out});
  }
  // 32x64 times 64x32, and one scale for 32 k's.
  TileType factor_tile(Space space) {
    TileType tile = tile_in(space, chance(2) ? DType::e4m3fn : DType::e5m2);
    tile.rows = tile.valid_rows = space == Space::left ? 32 : 64;
    tile.cols = tile.valid_cols = space == Space::left ? 64 : 32;
    return tile;
  }
  TileType scale_tile(Space space) {
    const bool left = space == Space::scale_left;
    TileType tile = tile_in(space, DType::e8m0);
    tile.rows = tile.valid_rows = left ? 32 : 2;
    tile.cols = tile.valid_cols = left ? 2 : 32;
    tile.blayout = left ? BoxOrder::row_major : BoxOrder::col_major;
    tile.slayout = left ? InnerLayout::row_major : InnerLayout::col_major;
    tile.fractal = 32;
    return tile;
  }
  void finish(Operation operation, const std::vector<ValueId>& ins, const std::vector<ValueId>& outs) {
    segment(operation, ins);
    segment(operation, outs);
    emit(std::move(operation));
  }

  // The operands of ins(...), one letter each: see operand_pattern of the verifier.
  std::string pattern(const OpInfo& row, Operation& operation) {
    switch (row.code) {
      case OpCode::texpands:
        return "s";
      case OpCode::tci:
        return chance(2) ? "s" : "st";
      case OpCode::tadds:
      case OpCode::tsubs:
      case OpCode::tmuls:
      case OpCode::tmaxs:
      case OpCode::tmins:
      case OpCode::tands:
      case OpCode::tors:
      case OpCode::tfmods:
      case OpCode::tlrelu:
      case OpCode::taxpy:
        return "ts";
      case OpCode::txors:
      case OpCode::trems:
      case OpCode::tpows:
        return chance(2) ? "ts" : "tst";
      case OpCode::tdivs:
        return chance(2) ? "ts" : "st";
      case OpCode::tshls:
      case OpCode::tshrs:
        return "ti";
      case OpCode::taddsc:
      case OpCode::tsubsc:
        return "tst";
      case OpCode::ttri:
        number(operation, "upperOrLower", below(2));
        return "i";
      case OpCode::trandom:
        return "iiiiii";
      case OpCode::tcvt:
        attribute(operation, "rmode", "round_mode", "RINT");
        if (chance(2)) attribute(operation, "satmode", "saturation_mode", "ON");
        return chance(2) ? "u" : "ut";
      case OpCode::tcmp:
        attribute(operation, "cmpMode", "cmp", "gt");
        return "ff";
      case OpCode::tcmps:
        attribute(operation, "cmpMode", "cmp", "le");
        return "fF";
      case OpCode::tsel:
        return chance(2) ? "ntt" : "nttu";
      case OpCode::tsels:
        return chance(2) ? "nts" : "ntus";
      case OpCode::taddreluconv:
      case OpCode::tsubreluconv:
        return "ff";
      case OpCode::tadddeqrelu:
        return chance(2) ? "ffF" : "ffu";
      case OpCode::tpartargmax:
      case OpCode::tpartargmin:
        return "ttnn";
      case OpCode::tsort32:
      case OpCode::tgatherb:
      case OpCode::tscatter:
        return "tn";
      case OpCode::tmrgsort:
        return chance(2) ? "ti" : std::string(static_cast<std::size_t>(3 + below(3)), 't');
      case OpCode::tgather:
        if (chance(3)) {
          attribute(operation, "maskPattern", "mask_pattern", "P0101");
          if (chance(2)) operation.attributes.emplace_back("axis", Attribute{StringAttr{chance(2) ? "row" : "col"}});
          return "u";
        }
        if (chance(3)) {
          attribute(operation, "cmpMode", "cmp", "gt");
          return chance(2) ? "fF" : "fFu";
        }
        return chance(2) ? "tn" : "tnu";
      case OpCode::mgather:
        attribute(operation, "coalesce", "coalesce", chance(2) ? "row" : "elem");
        return chance(3) ? "vvv" : "vn";
      case OpCode::mscatter:
        return "tn";
      case OpCode::thistogram:
        return "nn";
      case OpCode::tprefetch:
        return "v";
      case OpCode::tquant:
      case OpCode::tdequant:
        return std::string(static_cast<std::size_t>(row.ins_min + below(row.ins_max - row.ins_min + 1)), 'u');
      default:
        return std::string(static_cast<std::size_t>(row.ins_min + below(row.ins_max - row.ins_min + 1)), 't');
    }
  }
  ValueId operand(char letter, DType element) {
    switch (letter) {
      case 's':
        return value(ScalarType{scalar_kind(element)});
      case 'F':
        return value(ScalarType{ScalarKind::f32});
      case 'i':
        return value(ScalarType{chance(2) ? ScalarKind::i32 : ScalarKind::index});
      case 'n':
        return value(tile_type(DType::i32));
      case 'f':
        return value(tile_type(DType::f32));
      case 'u':
        return value(tile_type(pick(kElements)));
      case 'v':
        return value(view_type(element, true));
      default:
        return value(tile_type(element));
    }
  }
  void tile(const OpInfo& row) {
    Operation operation = make(row.code);
    switch (row.code) {
      case OpCode::tload:
      case OpCode::tstore:
        return transfer(std::move(operation));
      case OpCode::tmov:
        return move(std::move(operation));
      case OpCode::textract:
      case OpCode::tinsert:
        return cut(std::move(operation));
      default:
        if (const auto form = product_form(row.code)) return matmul(std::move(operation), *form);
        break;
    }
    const DType element = legal_element(row);
    std::vector<ValueId> ins, outs;
    for (char letter : pattern(row, operation)) ins.push_back(operand(letter, element));
    const bool compares = find(operation.attributes, "cmpMode") && row.code == OpCode::tgather;
    const bool lists = row.code == OpCode::tmrgsort && ins.size() > 2;
    const int count = compares || lists ? 2 : row.outs;
    for (int i = 0; i < count; ++i)
      outs.push_back(lists && i == 1 ? value(VectorType{DType::i16, 4}) : value(tile_type(element)));
    if (row.code == OpCode::mscatter) outs = {value(view_type(element, true))};
    if (row.code == OpCode::tci) operation.attributes.emplace_back("descending", Attribute{chance(2)});
    finish(std::move(operation), ins, outs);
  }

  // ---- rings between cores
  void pipe(OpCode code) {
    Operation operation = make(code);
    const Type i32 = ScalarType{ScalarKind::i32};
    switch (code) {
      case OpCode::aic_initialize_pipe:
      case OpCode::aiv_initialize_pipe:
        number(operation, "id", below(4));
        number(operation, "dir_mask", 1 + below(3));
        number(operation, "slot_size", 1024);
        if (chance(2)) number(operation, "slot_num", 1 + below(8));
        segment(operation, chance(3)   ? std::vector<ValueId>{}
                           : chance(2) ? std::vector{value(PtrType{DType::f32})}
                                       : std::vector{value(view_type(DType::f32, false))});
        for (int i = 0; i < 2; ++i) segment(operation, chance(3) ? std::vector<ValueId>{} : std::vector{value(i32)});
        return emit(std::move(operation));
      case OpCode::reserve_buffer:
        operation.attributes.emplace_back("name", Attribute{StringAttr{"ring"}});
        number(operation, "size", 8192);
        attribute(operation, "location", "address_space", chance(2) ? "vec" : "mat");
        operation.attributes.emplace_back("auto", Attribute{true});
        segment(operation, {});
        result(std::move(operation), i32);
        return;
      case OpCode::import_reserved_buffer:
        operation.attributes.emplace_back("name", Attribute{StringAttr{"ring"}});
        operation.attributes.emplace_back("peer_func", Attribute{SymbolAttr{"f0"}});
        segment(operation, {});
        result(std::move(operation), i32);
        return;
      default:
        break;
    }
    if (chance(2)) number(operation, "id", below(4));
    number(operation, "split", below(3));
    const bool to_vector = code == OpCode::tpush_to_aiv || code == OpCode::tpop_from_aic, in_global = chance(3);
    const Type slot = view_type(DType::f32, false);
    if (code == OpCode::talloc_to_aiv || code == OpCode::talloc_to_aic) {
      segment(operation, {});
      result(std::move(operation), slot);
      return;
    }
    if (code == OpCode::tpush_to_aiv || code == OpCode::tpush_to_aic) {
      segment(operation, {in_global ? value(slot) : tile_of(to_vector ? Space::acc : Space::vec, DType::f32)});
      segment(operation, chance(2) ? std::vector<ValueId>{} : std::vector{value(ScalarType{ScalarKind::i64})});
      return emit(std::move(operation));
    }
    if (code == OpCode::tpop_from_aic || code == OpCode::tpop_from_aiv) {
      segment(operation, in_global || chance(2) ? std::vector<ValueId>{} : indices(2));
      result(std::move(operation), in_global ? slot : Type{tile_in(to_vector ? Space::vec : Space::mat, DType::f32)});
      return;
    }
    segment(operation, chance(2)   ? std::vector<ValueId>{}
                       : in_global ? std::vector{value(slot)}
                                   : std::vector{tile_of(Space::vec, DType::f32)});
    emit(std::move(operation));
  }

  // ---- communication
  std::vector<ValueId> several(const Type& type, int least) {
    std::vector<ValueId> ids;
    for (int i = least + below(2); i > 0; --i) ids.push_back(value(type));
    return ids;
  }
  void async(OpCode code) {
    Operation operation = make(code);
    const Type session = OpaqueType{std::string(kAsyncSession)}, event = OpaqueType{std::string(kAsyncEvent)};
    switch (code) {
      case OpCode::comm_build_async_session:
        segment(operation, {tile_of(Space::vec, DType::i8)});
        segment(operation, {value(PtrType{DType::i8})});
        if (chance(2)) number(operation, "sync_id", below(8));
        if (chance(4)) number(operation, "block_bytes", 1 + below(4096));
        result(std::move(operation), session);
        return;
      case OpCode::comm_tput_async:
      case OpCode::comm_tget_async: {
        const Type row = ViewType{DType::f32, {1, 1 + below(64)}, true};
        for (const Type& type : {row, row, session}) segment(operation, {value(type)});
        result(std::move(operation), event);
        return;
      }
      default:
        segment(operation, {value(event)});
        segment(operation, {value(session)});
        if (code == OpCode::comm_wait_async_event && chance(2))
          emit(std::move(operation));
        else
          result(std::move(operation), ScalarType{ScalarKind::i1});
    }
  }
  void comm(OpCode code) {
    Operation operation = make(code);
    const Type view = view_type(DType::i32, true), stage = tile_in(Space::vec, DType::i32);
    switch (code) {
      case OpCode::syncall: {
        const bool soft = chance(2);
        segment(operation, soft ? std::vector{value(PtrType{DType::i32})} : std::vector<ValueId>{});
        segment(operation,
                soft && chance(2) ? std::vector{value(ScalarType{ScalarKind::i32})} : std::vector<ValueId>{});
        segment(operation, soft && chance(3) ? std::vector{value(stage)} : std::vector<ValueId>{});
        attribute(operation, "mode", "sync_all_mode", soft ? "soft" : "hard");
        attribute(operation, "core_type", "sync_core_type", "mix");
        return emit(std::move(operation));
      }
      case OpCode::comm_build_async_session:
      case OpCode::comm_tput_async:
      case OpCode::comm_tget_async:
      case OpCode::comm_wait_async_event:
      case OpCode::comm_test_async_event:
        return async(code);
      case OpCode::comm_tnotify:
      case OpCode::comm_twait:
      case OpCode::comm_ttest: {
        segment(operation, {value(view)});
        segment(operation, {value(ScalarType{ScalarKind::i32})});
        if (code == OpCode::comm_tnotify)
          attribute(operation, "notifyOp", "notify_op", chance(2) ? "set" : "atomic_add");
        else
          attribute(operation, "cmp", "wait_cmp", chance(2) ? "eq" : "ge");
        if (code == OpCode::comm_ttest)
          result(std::move(operation), ScalarType{ScalarKind::i1});
        else
          emit(std::move(operation));
        return;
      }
      case OpCode::comm_tput:
      case OpCode::comm_tget:
        for (int i = 0; i < 2; ++i) segment(operation, {value(view)});
        segment(operation, several(stage, 1));
        if (chance(2)) attribute(operation, "atomicType", "atomic_type", "atomic_add");
        return emit(std::move(operation));
      default:
        segment(operation, {value(view)});
        if (code == OpCode::comm_treduce) {
          segment(operation, {value(stage)});
          attribute(operation, "reduceOp", "reduce_op", "sum");
        }
        segment(operation, several(stage, 1));
        segment(operation, several(view, 1));
        number(operation, "root", 0);
        return emit(std::move(operation));
    }
  }

  // ---- synchronisation
  void sync(OpCode code, int depth) {
    Operation operation = make(code);
    if (code == OpCode::section_cube || code == OpCode::section_vector) {
      segment(operation, {});
      operation.regions.emplace_back();
      inside(operation.regions[0], [&] { statements(3, depth - 1); });
      emit(std::move(operation));
      return;
    }
    std::vector<ValueId> operands;
    if (code == OpCode::set_ffts) operands = {value(ScalarType{ScalarKind::i64})};
    if (code == OpCode::cmo_cacheinvalid && chance(2)) {
      operands = {value(PtrType{DType::i32})};
      if (chance(2)) operation.attributes.emplace_back("single_cache_line", Attribute{UnitAttr{}});
    }
    if (code != OpCode::set_ffts && code != OpCode::cmo_cacheinvalid) {
      for (std::string_view key : sync_item_keys(code)) {
        if (key == "mode") continue;
        if ((key == "event_id" || key == "buf_id") && chance(2))
          operands = {index()};
        else if (key == "buf_id")
          operation.attributes.emplace_back(key, Attribute{IntAttr{below(8), std::nullopt}});
        else if (key == "event_id")
          operation.attributes.emplace_back(key, Attribute{EnumAttr{"", "EVENT_ID3"}});
        else
          operation.attributes.emplace_back(key, Attribute{EnumAttr{chance(2) ? "" : "pipe", "PIPE_V"}});
      }
    }
    segment(operation, operands);
    emit(std::move(operation));
  }

  // ---- control
  std::vector<Type> carried_types() {
    std::vector<Type> types;
    for (int i = below(3); i > 0; --i) types.push_back(ScalarType{chance(2) ? integer_kind() : pick(kFloats)});
    if (chance(6)) types.push_back(tile_type(DType::f32));
    return types;
  }
  std::vector<ValueId> values(const std::vector<Type>& types) {
    std::vector<ValueId> ids;
    for (const Type& type : types) ids.push_back(value(type));
    return ids;
  }
  void terminate(OpCode code, std::vector<ValueId> first, const std::vector<Type>& types) {
    const std::vector<ValueId> rest = values(types);
    first.insert(first.end(), rest.begin(), rest.end());
    emit(make(code, first));
  }
  void results(Operation operation, const std::vector<Type>& types) {
    const bool grouped = types.size() > 1 && chance(2);
    for (std::size_t i = 0; i < types.size(); ++i) {
      const ValueId id = fresh(types[i]);
      if (grouped) function_.values[id].name = "r#" + std::to_string(i);
      operation.results.push_back(id);
    }
    emit(std::move(operation));
  }
  void control(OpCode code, int depth) {
    const std::vector<Type> types = carried_types();
    Operation operation = make(code);
    switch (code) {
      case OpCode::for_op: {
        const Type induction = ScalarType{chance(4) ? ScalarKind::i32 : ScalarKind::index};
        for (int i = 0; i < 3; ++i) segment(operation, {value(induction)});
        segment(operation, values(types));
        operation.regions.emplace_back();
        operation.regions[0].arguments.push_back(fresh(induction));
        for (const Type& type : types) operation.regions[0].arguments.push_back(fresh(type));
        inside(operation.regions[0], [&] {
          statements(4, depth - 1);
          terminate(OpCode::yield, {}, types);
        });
        return results(std::move(operation), types);
      }
      case OpCode::if_op: {
        segment(operation, {value(ScalarType{ScalarKind::i1})});
        operation.regions.resize(2);
        for (std::size_t i = 0; i < 2; ++i) {
          if (i == 1 && types.empty() && chance(2)) break;
          inside(operation.regions[i], [&] {
            statements(3, depth - 1);
            terminate(OpCode::yield, {}, types);
          });
        }
        return results(std::move(operation), types);
      }
      case OpCode::while_op: {
        const std::vector<Type> forwarded = carried_types();
        segment(operation, values(types));
        operation.regions.resize(2);
        for (const Type& type : types) operation.regions[0].arguments.push_back(fresh(type));
        for (const Type& type : forwarded) operation.regions[1].arguments.push_back(fresh(type));
        inside(operation.regions[0], [&] {
          statements(2, depth - 1);
          terminate(OpCode::condition, {value(ScalarType{ScalarKind::i1})}, forwarded);
        });
        inside(operation.regions[1], [&] {
          statements(2, depth - 1);
          terminate(OpCode::yield, {}, types);
        });
        return results(std::move(operation), forwarded);
      }
      default:
        break;
    }
    if (code != OpCode::call || earlier_.empty()) return;
    const Function& target = earlier_[static_cast<std::size_t>(below(static_cast<int>(earlier_.size())))];
    std::vector<ValueId> arguments;
    for (ValueId id : target.arguments) arguments.push_back(value(target.type(id)));
    segment(operation, arguments);
    operation.attributes.emplace_back("callee", Attribute{SymbolAttr{target.name}});
    results(std::move(operation), target.results);
  }

  void statements(int count, int depth) {
    for (int i = 0; i < count; ++i) {
      const auto ops = all_ops();
      const OpInfo& row = ops[static_cast<std::size_t>(below(static_cast<int>(ops.size())))];
      const bool nests =
          row.family == Family::control || row.code == OpCode::section_cube || row.code == OpCode::section_vector;
      if (nests && depth <= 0) continue;
      switch (row.family) {
        case Family::arith:
          arith(row.code);
          break;
        case Family::control:
          control(row.code, depth);
          break;
        case Family::view:
          view(row.code);
          break;
        case Family::tile:
          tile(row);
          break;
        case Family::sync:
          sync(row.code, depth);
          break;
        case Family::pipe:
          pipe(row.code);
          break;
        case Family::comm:
          comm(row.code);
          break;
        case Family::query:
          result(make(row.code, {}), ScalarType{ScalarKind::i64});
          break;
      }
    }
  }

  std::mt19937_64& random_;
  const GenerateOptions& options_;
  const std::vector<Function>& earlier_;
  Function function_;
  Region* body_ = nullptr;
  std::vector<ValueId> visible_;
  std::size_t arguments_ = 0;  // they stand first in visible_
};

}  // namespace

Module generate_module(std::uint64_t seed, const GenerateOptions& options) {
  std::mt19937_64 random(seed);
  Module module;
  module.file = "generated.pto";
  module.attributes.emplace_back("pto.target_arch", Attribute{StringAttr{"a2a3"}});
  for (int i = 0; i < options.functions; ++i)
    module.functions.push_back(FunctionGenerator(random, options, module.functions).run("f" + std::to_string(i)));
  return module;
}

}  // namespace assay::pto
