// Attributes of tile operations, packed into Instruction::immediate by decode_vector.cpp.
#pragma once

#include <cstdint>

namespace assay::sim {

enum class Comparison : std::uint8_t { eq, ne, lt, le, gt, ge };

template <class T>
constexpr bool compare(Comparison mode, T a, T b) {
  switch (mode) {
    case Comparison::eq:
      return a == b;
    case Comparison::ne:
      return a != b;
    case Comparison::lt:
      return a < b;
    case Comparison::le:
      return a <= b;
    case Comparison::gt:
      return a > b;
    case Comparison::ge:
      return a >= b;
  }
  return false;
}

// tgather: by indices, by a pattern that repeats every four elements, or where a comparison holds.
struct GatherForm {
  enum class Kind : std::uint8_t { index, mask, compare };
  Kind kind = Kind::index;
  std::uint8_t pattern = 0xF;  // bit k: element k of every four is taken
  bool by_column = false;      // the pattern selects rows
  Comparison mode = Comparison::eq;
  std::int32_t offset = 0;  // index of the first element

  std::uint64_t pack() const {
    return static_cast<std::uint64_t>(kind) | std::uint64_t{pattern} << 8 | std::uint64_t{by_column} << 16 |
           static_cast<std::uint64_t>(mode) << 24 | static_cast<std::uint64_t>(static_cast<std::uint32_t>(offset)) << 32;
  }
  static GatherForm unpack(std::uint64_t bits) {
    return {static_cast<Kind>(bits & 0xFF), static_cast<std::uint8_t>(bits >> 8), ((bits >> 16) & 1U) != 0,
            static_cast<Comparison>(bits >> 24 & 0xFF), static_cast<std::int32_t>(bits >> 32)};
  }
};

// mgather and mscatter.
struct TableAccess {
  enum class Coalesce : std::uint8_t { by_shape, row, element };
  enum class OutOfBounds : std::uint8_t { undefined, zero, skip, clamp, wrap };
  enum class Atomic : std::uint8_t { none, add, max, min };
  Coalesce coalesce = Coalesce::by_shape;
  OutOfBounds out_of_bounds = OutOfBounds::undefined;
  Atomic atomic = Atomic::none;

  std::uint64_t pack() const {
    return static_cast<std::uint64_t>(coalesce) | static_cast<std::uint64_t>(out_of_bounds) << 8 |
           static_cast<std::uint64_t>(atomic) << 16;
  }
  static TableAccess unpack(std::uint64_t bits) {
    return {static_cast<Coalesce>(bits & 0xFF), static_cast<OutOfBounds>(bits >> 8 & 0xFF),
            static_cast<Atomic>(bits >> 16 & 0xFF)};
  }
};

}  // namespace assay::sim
