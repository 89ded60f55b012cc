// Tile types as numbers: strides of the layouts of pto-format 3.1 and pto-isa 1.3, and pad values.
#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

struct Box {
  std::int64_t rows = 1, cols = 1;
};

Box box_of(const pto::TileType& type) {
  if (type.slayout == pto::InnerLayout::none_box) return {};
  if (type.fractal == 1024) return {16, 16};
  if (type.fractal == 32) return {16, 2};
  const std::int64_t line = 32 / element_bytes(type.element);
  return type.slayout == pto::InnerLayout::row_major ? Box{16, line} : Box{line, 16};
}

std::int64_t boxes(std::int64_t extent, std::int64_t box) { return (extent + box - 1) / box; }

// Bits of the padding element, or nothing for Pad::null (pto-isa 1.6).
std::optional<std::uint64_t> pad_bits(const pto::TileType& type, bool infinite) {
  const DTypeInfo& element = info(type.element);
  if (type.pad == pto::Pad::null) return std::nullopt;
  if (type.pad == pto::Pad::zero) return 0;
  const bool least = type.pad == pto::Pad::min;
  const std::uint64_t sign = std::uint64_t{1} << (element.bits - 1);
  if (!element.is_float) {
    if (element.is_signed) return least ? sign : sign - 1;
    return least ? 0 : sign | (sign - 1);
  }
  std::uint64_t magnitude = 0;
  switch (type.element) {
    case DType::f32:
      magnitude = infinite ? 0x7f800000 : 0x7f7fffff;
      break;
    case DType::f16:
      magnitude = infinite ? 0x7c00 : 0x7bff;
      break;
    case DType::bf16:
      magnitude = infinite ? 0x7f80 : 0x7f7f;
      break;
    case DType::e5m2:
      magnitude = infinite ? 0x7c : 0x7b;
      break;
    case DType::e4m3fn:
      magnitude = 0x7e;
      break;  // no infinities
    default:
      magnitude = 0x7f;
      break;  // e4m3fnuz
  }
  return least ? sign | magnitude : magnitude;
}

}  // namespace

std::int32_t element_bytes(DType dtype) { return (info(dtype).bits + 7) / 8; }

TileImage tile_image(const pto::TileType& type, bool infinite_pads) {
  TileImage image{};
  const Box box = box_of(type);
  const std::int64_t elements = box.rows * box.cols;
  const bool column_major = type.blayout == pto::BoxOrder::col_major;
  image[abi::kTileRows] = type.rows;
  image[abi::kTileCols] = type.cols;
  image[abi::kTileElement] = static_cast<std::int64_t>(type.element);
  image[abi::kTileColumnMajor] = column_major;
  image[abi::kTileSpace] = static_cast<std::int64_t>(type.space);
  image[abi::kTileBoxRows] = box.rows;
  image[abi::kTileBoxCols] = box.cols;
  image[abi::kTileOuterRow] = column_major ? elements : boxes(type.cols, box.cols) * elements;
  image[abi::kTileOuterCol] = column_major ? boxes(type.rows, box.rows) * elements : elements;
  const bool inner_columns = type.slayout == pto::InnerLayout::col_major;
  image[abi::kTileInnerRow] = inner_columns ? 1 : box.cols;
  image[abi::kTileInnerCol] = inner_columns ? box.rows : 1;
  if (const auto pad = pad_bits(type, infinite_pads)) {
    image[abi::kTilePads] = 1;
    image[abi::kTilePadValue] = static_cast<std::int64_t>(*pad);
  }
  return image;
}

std::int64_t tile_bytes(const pto::TileType& type) {
  const Box box = box_of(type);
  return boxes(type.rows, box.rows) * boxes(type.cols, box.cols) * box.rows * box.cols * element_bytes(type.element);
}

}  // namespace assay::device
