// Types (pto-format.md 1.2): compact and key=value tiles, views, pointers, scalars, elided prefixes.
#include <array>

#include "harness/pto/parser.h"

namespace assay::pto {
namespace {

struct ScalarName {
  std::string_view name;
  ScalarKind kind;
};
constexpr ScalarName kScalars[] = {{"i1", ScalarKind::i1},     {"i8", ScalarKind::i8},       {"si8", ScalarKind::i8},
                                   {"i16", ScalarKind::i16},   {"si16", ScalarKind::i16},    {"i32", ScalarKind::i32},
                                   {"si32", ScalarKind::i32},  {"i64", ScalarKind::i64},     {"si64", ScalarKind::i64},
                                   {"ui8", ScalarKind::ui8},   {"ui16", ScalarKind::ui16},   {"ui32", ScalarKind::ui32},
                                   {"ui64", ScalarKind::ui64}, {"index", ScalarKind::index}, {"f16", ScalarKind::f16},
                                   {"bf16", ScalarKind::bf16}, {"f32", ScalarKind::f32}};

struct ElementName {
  std::string_view name;
  DType dtype;
};
constexpr ElementName kElements[] = {{"f32", DType::f32},
                                     {"f16", DType::f16},
                                     {"bf16", DType::bf16},
                                     {"i8", DType::i8},
                                     {"si8", DType::i8},
                                     {"ui8", DType::u8},
                                     {"i16", DType::i16},
                                     {"si16", DType::i16},
                                     {"ui16", DType::u16},
                                     {"i32", DType::i32},
                                     {"si32", DType::i32},
                                     {"ui32", DType::u32},
                                     {"i64", DType::i64},
                                     {"si64", DType::i64},
                                     {"ui64", DType::u64},
                                     {"f8E4M3FN", DType::e4m3fn},
                                     {"f8E4M3FNUZ", DType::e4m3fnuz},
                                     {"f8E5M2", DType::e5m2}};

struct SpaceName {
  std::string_view name;
  Space space;
};
constexpr SpaceName kSpaces[] = {{"vec", Space::vec},   {"ub", Space::vec},         {"mat", Space::mat},
                                 {"left", Space::left}, {"right", Space::right},    {"acc", Space::acc},
                                 {"bias", Space::bias}, {"scaling", Space::scaling}};

// Without parameters that matter here; no operation of this version takes any but the asynchronous ones.
constexpr std::string_view kOpaque[] = {"pto.pipe",        "pto.eventid_array", "pto.async_session",
                                        "pto.async_event", "pto.struct",        "pto.prefetch_async_context",
                                        "pto.pipe_handle", "pto.event",         "pto.comm_group"};

template <class Row, std::size_t N>
const Row* lookup(const Row (&rows)[N], std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

bool Parser::parse_type(Type& type, ViewHint hint) {
  const Nested nested(*this);
  if (!nested.ok()) return false;
  if (at('!')) return parse_named_type(type);
  if (at('<')) return parse_elided_type(type, hint);
  if (token_.kind == TokenKind::word) return parse_builtin_type(type);
  return fail_found("a type");
}

bool Parser::parse_builtin_type(Type& type) {
  if (const ScalarName* scalar = lookup(kScalars, token_.text)) {
    type = ScalarType{scalar->kind};
    advance();
    return true;
  }
  if (at_word("memref"))
    return fail(token_.offset, "memref types: this file is already lowered to memref level, which assay does not read");
  if (at_word("vector")) return parse_vector(type);
  if (at_word("tensor")) return parse_opaque_type(type, token_.offset);
  return fail_found("a type (i1 i8 i16 i32 i64 ui8.. index f16 bf16 f32 or !pto...)");
}

bool Parser::parse_named_type(Type& type) {
  const std::size_t begin = token_.offset;
  advance();
  if (token_.kind != TokenKind::word) return fail_found("a type name after '!'");
  const std::string_view name = token_.text;
  const auto followed = [&] {
    advance();
    return at('<') || fail_found(fmt::format("'<' after !{}", name));
  };
  if (name == "pto.tile_buf") return followed() && parse_tile_rest(type);
  if (name == "pto.ptr") return followed() && parse_ptr_rest(type);
  if (name == "pto.tensor_view") return followed() && parse_view_rest(type, false);
  if (name == "pto.partition_tensor_view" || name == "pto.tile_view") return followed() && parse_view_rest(type, true);
  if (name == "pto.local_array") return followed() && parse_local_array_rest(type);
  if (name == "pto.multi_tile_buf") return followed() && parse_multi_tile_rest(type);
  if (const auto alias = type_aliases_.find(name); alias != type_aliases_.end()) {
    type = alias->second;
    advance();
    return true;
  }
  if (name == "pto.vreg" || name == "pto.mask" || name == "pto.align" || name.starts_with("pto.vmi"))
    return fail(begin, fmt::format("type !{} belongs to the lower VPTO/VMI dialect level, which assay does not read; "
                                   "give it the tile-level file",
                                   name));
  for (std::string_view opaque : kOpaque)
    if (name == opaque) return parse_opaque_type(type, begin);
  return fail(begin, fmt::format("unknown type !{}", name));
}

bool Parser::parse_opaque_type(Type& type, std::size_t begin) {
  std::size_t end = token_.offset + token_.text.size();
  advance();
  if (at('<')) {
    std::string content;
    const std::size_t open = token_.offset;
    if (!skip_balanced(content)) return false;
    end = open + content.size() + 2;
  }
  type = OpaqueType{std::string(text_.substr(begin, end - begin))};
  return true;
}

// `<loc=left, ..>` and `<vec, 16x64xf32>` are tiles, `<f32, gm>` a pointer, `<16x?xf32>` a view.
bool Parser::parse_elided_type(Type& type, ViewHint hint) {
  const std::size_t start = lexer_.position();
  std::int64_t ignored = 0;
  const bool is_view = lexer_.skip_blanks() && lexer_.dimension(ignored);
  lexer_.seek(start);
  if (is_view) return parse_view_rest(type, hint == ViewHint::partition);
  const Token first = lexer_.next();
  lexer_.seek(start);
  const bool named = first.kind == TokenKind::punctuation && first.text == "!";  // <!pto.f8E8M0, gm>
  if (named || (first.kind == TokenKind::word && lookup(kElements, first.text))) return parse_ptr_rest(type);
  return parse_tile_rest(type);
}

// Reads `16x?x` up to the element type, which becomes the current token. The current token stands before them.
bool Parser::parse_dimensions(std::vector<std::int64_t>& shape) {
  constexpr std::size_t kMaxRank = 16;
  const std::size_t begin = token_.offset;
  std::int64_t extent = 0;
  lexer_.skip_blanks();
  while (lexer_.dimension(extent)) {
    if (shape.size() == kMaxRank) return fail(begin, fmt::format("more than {} dimensions", kMaxRank));
    shape.push_back(extent);
  }
  advance();
  return true;
}

bool Parser::parse_element(DType& element) {
  if (at('!')) {
    const std::size_t begin = token_.offset;
    advance();
    if (at_word("pto.f8E8M0")) {
      element = DType::e8m0;
      advance();
      return true;
    }
    return fail(begin, fmt::format("element type !{} is not executed by this version", token_.text));
  }
  const ElementName* row = token_.kind == TokenKind::word ? lookup(kElements, token_.text) : nullptr;
  if (!row)
    return fail_found("an element type (f32 f16 bf16 i8 ui8 i16 ui16 i32 ui32 i64 ui64 f8E4M3FN f8E5M2 !pto.f8E8M0)");
  element = row->dtype;
  advance();
  return true;
}

bool Parser::parse_ptr_rest(Type& type) {
  PtrType pointer;
  if (!expect('<', "in a pointer type") || !parse_element(pointer.element)) return false;
  if (accept(',')) {
    const std::size_t begin = token_.offset;
    std::string_view space = token_.text;
    if (at('#')) {  // #pto.address_space<gm>
      Attribute attribute;
      if (!parse_hash_attribute(attribute)) return false;
      const auto* address_space = std::get_if<EnumAttr>(&attribute.value);
      if (!address_space || address_space->word != "gm")
        space = "another space";
      else
        space = "gm";
    } else {
      advance();
    }
    if (space != "gm")
      return fail(begin,
                  fmt::format("pointers into {} belong to a lower dialect level; only gm pointers are read", space));
  }
  type = pointer;
  return expect('>', "to close the pointer type");
}

bool Parser::parse_view_rest(Type& type, bool partition) {
  ViewType view;
  view.partition = partition;
  if (!parse_dimensions(view.shape) || !parse_element(view.element)) return false;
  type = std::move(view);
  return expect('>', "to close the view type");
}

bool Parser::parse_local_array_rest(Type& type) {
  const std::size_t begin = token_.offset;
  std::vector<std::int64_t> shape;
  LocalArrayType array;
  if (!parse_dimensions(shape) || !parse_element(array.element)) return false;
  if (shape.size() != 1 || shape[0] < 1)
    return fail(begin, "a local array has one static extent of at least 1, as in !pto.local_array<64xi32>");
  array.count = shape[0];
  type = array;
  return expect('>', "to close the local array type");
}

// `<!pto.tile_buf<..>, count=N>`
bool Parser::parse_multi_tile_rest(Type& type) {
  MultiTileType multi;
  Type tile;
  if (!expect('<', "after !pto.multi_tile_buf")) return false;
  const std::size_t begin = token_.offset;
  if (!parse_type(tile)) return false;
  if (!std::holds_alternative<TileType>(tile))
    return fail(begin, fmt::format("found {}, expected a tile type", to_string(tile)));
  multi.tile = std::get<TileType>(tile);
  if (!expect(',', "and count=N") || !expect_word("count", "of the buffers") || !expect('=', "after count"))
    return false;
  const std::size_t at_count = token_.offset;
  if (!parse_int(multi.count, "the number of buffers")) return false;
  constexpr std::int64_t kMaxBuffers = 1024;
  if (multi.count < 1 || multi.count > kMaxBuffers)
    return fail(at_count, fmt::format("{} buffers, expected 1 to {}", multi.count, kMaxBuffers));
  type = multi;
  return expect('>', "to close the multi-tile type");
}

// `vector<4xi16>`
bool Parser::parse_vector(Type& type) {
  const std::size_t begin = token_.offset;
  advance();
  if (!at('<')) return fail_found("'<' after vector");
  std::vector<std::int64_t> shape;
  VectorType vector;
  if (!parse_dimensions(shape) || !parse_element(vector.element)) return false;
  constexpr std::int64_t kMaxVector = 1024;
  if (shape.size() != 1 || shape[0] < 1 || shape[0] > kMaxVector)
    return fail(begin, fmt::format("a vector has one static extent of 1 to {}, as in vector<4xi16>", kMaxVector));
  vector.count = shape[0];
  type = vector;
  return expect('>', "to close the vector type");
}

bool Parser::parse_extent(std::int64_t& extent) {
  if (accept('?')) {
    extent = kDynamic;
    return true;
  }
  const std::size_t begin = token_.offset;
  if (!parse_int(extent, "an extent or '?'")) return false;
  return extent >= 0 || fail(begin, "an extent is not negative");
}

bool Parser::parse_tile_rest(Type& type) {
  enum : unsigned { kLoc = 1, kDtype = 2, kRows = 4, kCols = 8, kValidRow = 16, kValidCol = 32 };
  const std::size_t begin = token_.offset;
  TileType tile;
  unsigned seen = 0;
  if (token_.kind == TokenKind::punctuation) advance();  // '<'
  while (!at('>')) {
    if (token_.kind != TokenKind::word) return fail_found("a space, a shape or key=value in a tile type");
    const Token key = token_;
    advance();
    if (at('=')) {
      if (!parse_tile_entry(tile, seen, key.text, key.offset)) return false;
    } else {
      const SpaceName* space = lookup(kSpaces, key.text);
      if (!space)
        return fail(key.offset,
                    fmt::format("unknown space '{}', expected vec mat left right acc bias scaling", key.text));
      tile.space = space->space;
      std::vector<std::int64_t> shape;
      if (!at(',')) return fail_found("',' and the tile's shape");
      if (!parse_dimensions(shape) || !parse_element(tile.element)) return false;
      if (shape.size() != 2 || shape[0] == kDynamic || shape[1] == kDynamic)
        return fail(key.offset, "a tile has two static extents, as in 16x64xf32");
      tile.rows = shape[0];
      tile.cols = shape[1];
      seen |= kLoc | kDtype | kRows | kCols;
    }
    if (!accept(',') && !at('>')) return fail_found("',' or '>' in a tile type");
  }
  constexpr unsigned kRequired = kLoc | kDtype | kRows | kCols;
  if ((seen & kRequired) != kRequired)
    return fail(begin, "a tile type needs loc, dtype, rows and cols, or the compact <vec, 16x64xf32>");
  if (!(seen & kValidRow)) tile.valid_rows = tile.rows;
  if (!(seen & kValidCol)) tile.valid_cols = tile.cols;
  if (tile.space == Space::scaling && tile.element == DType::e8m0)
    tile.space = tile.slayout == InnerLayout::row_major   ? Space::scale_left
                 : tile.slayout == InnerLayout::col_major ? Space::scale_right
                                                          : Space::scaling;
  type = tile;
  return expect('>', "to close the tile type");
}

namespace {

struct WordValue {
  std::string_view name;
  int value;
};
constexpr WordValue kPads[] = {{"null", 0}, {"zero", 1}, {"max", 2}, {"min", 3}};
constexpr WordValue kCompacts[] = {{"null", 0}, {"normal", 1}, {"row_plus_one", 2}};
constexpr WordValue kBoxOrders[] = {{"row_major", 0}, {"col_major", 1}};
constexpr WordValue kInnerLayouts[] = {{"none_box", 0}, {"row_major", 1}, {"col_major", 2}};
constexpr std::string_view kTileKeys[] = {"loc",     "dtype",   "rows",    "cols", "v_row",   "v_col",
                                          "blayout", "slayout", "fractal", "pad",  "compact", "valid"};

}  // namespace

bool Parser::parse_tile_entry(TileType& tile, unsigned& seen, std::string_view key, std::size_t offset) {
  std::size_t index = 0;
  while (index < std::size(kTileKeys) && kTileKeys[index] != key) ++index;
  if (index == std::size(kTileKeys)) return fail(offset, fmt::format("unknown tile property '{}'", key));
  if (seen & (1U << index)) return fail(offset, fmt::format("tile property '{}' is given twice", key));
  seen |= 1U << index;
  if (key == "valid") {  // the current token is '=': dimensions start right after it
    seen |= 16U | 32U;
    std::vector<std::int64_t> first;
    if (!parse_dimensions(first)) return false;
    if (first.size() != 1) return fail(offset, "valid takes two extents, as in valid=?x64");
    tile.valid_rows = first[0];
    return parse_extent(tile.valid_cols);
  }
  advance();
  if (key == "dtype") return parse_element(tile.element);
  if (key == "rows") return parse_extent(tile.rows) && (tile.rows != kDynamic || fail(offset, "rows must be static"));
  if (key == "cols") return parse_extent(tile.cols) && (tile.cols != kDynamic || fail(offset, "cols must be static"));
  if (key == "v_row") return parse_extent(tile.valid_rows);
  if (key == "v_col") return parse_extent(tile.valid_cols);
  if (key == "loc") {
    const SpaceName* space = token_.kind == TokenKind::word ? lookup(kSpaces, token_.text) : nullptr;
    if (!space) return fail_found("a space: vec mat left right acc bias scaling");
    tile.space = space->space;
    advance();
    return true;
  }
  const auto choose = [&](const auto& table, int& value) {
    const std::size_t at_value = token_.offset;
    std::int64_t number = -1;
    if (token_.kind == TokenKind::integer) {
      if (!parse_int(number, "a value")) return false;
    } else if (const WordValue* row = token_.kind == TokenKind::word ? lookup(table, token_.text) : nullptr) {
      number = row->value;
      advance();
    } else {
      return fail_found(fmt::format("a value of '{}', such as {}", key, table[0].name));
    }
    if (number < 0 || number >= static_cast<std::int64_t>(std::size(table)))
      return fail(at_value, fmt::format("{} is not a value of '{}'", number, key));
    value = static_cast<int>(number);
    return true;
  };
  int value = 0;
  if (key == "blayout") {
    if (!choose(kBoxOrders, value)) return false;
    tile.blayout = static_cast<BoxOrder>(value);
  } else if (key == "slayout") {
    if (!choose(kInnerLayouts, value)) return false;
    tile.slayout = static_cast<InnerLayout>(value);
  } else if (key == "pad") {
    if (!choose(kPads, value)) return false;
    tile.pad = static_cast<Pad>(value);
  } else if (key == "compact") {
    return choose(kCompacts, tile.compact);
  } else {
    std::int64_t fractal = 0;
    if (!parse_int(fractal, "the fractal size")) return false;
    if (fractal != 16 && fractal != 32 && fractal != 512 && fractal != 1024)
      return fail(offset, fmt::format("fractal is {}, expected 16, 32, 512 or 1024", fractal));
    tile.fractal = static_cast<int>(fractal);
  }
  return true;
}

bool Parser::parse_type_list(std::vector<Type>& types) {
  if (!at('(')) {
    types.emplace_back();
    return parse_type(types.back());
  }
  advance();
  while (!at(')')) {
    types.emplace_back();
    if (!parse_type(types.back())) return false;
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the list of types");
  }
  return expect(')', "to close the list of types");
}

bool Parser::parse_function_type(std::vector<Type>& arguments, std::vector<Type>& results) {
  if (!at('(')) return fail_found("'(' of a function type");
  return parse_type_list(arguments) && expect("->", "in a function type") && parse_type_list(results);
}

}  // namespace assay::pto
