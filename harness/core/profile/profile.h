// Machine profiles: what a target's specification leaves open, as data. No other file names a target's numerics
// (design.md section 4). The data are the .toml files beside this header, compiled into the binary.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/core/error.h"

namespace assay {

// The mathematical rounding modes (dsv4-chain.md section 1, pto-isa.md section 2.6).
enum class Rounding : std::uint8_t {
  rint,   // nearest, ties to even
  round,  // nearest, ties away from zero
  floor,
  ceil,
  trunc,  // toward zero
  odd,    // von Neumann: inexact results get an odd last bit
};
std::string_view name(Rounding mode);
std::optional<Rounding> parse_rounding(std::string_view name);  // "rint" or "RINT"

enum class Evidence : std::uint8_t { assumed, published, measured };

enum class Contraction : std::uint8_t { off, allowed };

enum class SumOrder : std::uint8_t { sequential, chunked, any };

// What a tcvt of one (source, destination, written mode, written saturation) means on a target.
struct ConversionMeaning {
  Rounding rounding = Rounding::rint;
  bool saturate = false;
};

// What narrowing to a floating-point format gives where rounding alone does not decide (ep-dispatch-combine.md 3.2).
// "Overflow": rounding, as if the exponent had room, went beyond the largest finite value.
enum class Overflow : std::uint8_t {
  nonsat,     // overflow and infinity: infinity, or NaN where the format has none
  satfinite,  // overflow: the signed largest finite value; infinity as nonsat
  satall,     // both: the signed largest finite value
};
enum class NanResult : std::uint8_t {
  signed_nan,    // the format's quiet NaN, sign kept where it has two
  positive_nan,  // without sign
  maximum,       // the largest finite value: for formats without NaN
  zero,          // +0
};
struct NarrowingRules {
  Overflow overflow = Overflow::nonsat;  // formats without NaN and infinity always saturate
  NanResult nan = NanResult::signed_nan;
  bool negative_zero = true;  // a negative operand that becomes zero keeps its sign, where the format has -0

  bool operator==(const NarrowingRules&) const = default;
};
// The rules that a saturation mode of tcvt stands for.
constexpr NarrowingRules saturating(bool saturate) {
  return {saturate ? Overflow::satall : Overflow::nonsat, NanResult::signed_nan, true};
}

struct MemorySpace {
  std::int64_t bytes = 0;
  std::int64_t alignment = 32;  // of tile addresses, bytes
};

struct Profile {
  std::string name;
  std::map<std::string, MemorySpace, std::less<>> spaces;  // names of pto::Space
  std::int64_t scratch_begin = 0, scratch_end = 0;         // hidden scratch window of vec, bytes; empty when equal
  // Pipes on which an operation may start before an earlier one's results are there (pto-format.md section 4, class 2):
  // dependent operations need a barrier between them. On the others program order is completion order. "v", "m", ...
  std::vector<std::string> overlapping_pipes;
  std::int64_t event_ids = 8;           // per pair of pipes (isa 2.5)
  std::int64_t cache_line_bytes = 64;   // of a core's scalar cache (isa 2.5)
  std::int64_t vector_cores = 2;        // beside one cube core in a block (format 3.6)
  std::vector<std::string> absent_ops;  // tile operations the target has no instruction for: "tinterleave"
  Contraction contraction = Contraction::off;
  bool flush_subnormals = false;
  SumOrder sum_order = SumOrder::any;
  std::int64_t sum_chunk = 0;                             // elements, for SumOrder::chunked
  std::map<std::string, double, std::less<>> ulp;         // exp log sqrt rsqrt recip div, pow if known: largest error, f32 ulp
  bool float_pad_is_infinite = true;                      // tfillpad max/min of floats: +-inf, else +-max finite
  std::map<std::string, Evidence, std::less<>> evidence;  // key = field name above; absent = assumed

  // Which conversions the target has, and what each written (mode, saturation) means.
  // mode: NONE RINT ROUND FLOOR CEIL TRUNC ODD CAST_RINT or empty (= default); saturation: "ON" "OFF" or empty.
  // A destination that has every value of the source never saturates. Error: the pair is not in the target's table.
  Result<ConversionMeaning> conversion(DType source, DType destination, std::string_view mode,
                                       std::string_view saturation) const;

  // The rules of goldens that store into this format. A format without a row: nonsat, the sign of NaN and of zero kept;
  // e2m1 without a row: satall, NaN becomes the largest value (ep-dispatch-combine.md 3.3).
  NarrowingRules narrowing(DType destination) const;

  struct NarrowingRow {
    DType destination;
    NarrowingRules rules;
    Evidence evidence = Evidence::assumed;
  };
  std::vector<NarrowingRow> narrowings;

  struct ConversionRow {
    DType source, destination;
    std::vector<std::string> modes;        // modes the pair supports as written; others fall to none_means
    Rounding none_means = Rounding::rint;  // meaning of NONE and of unsupported modes
    bool saturate_by_default = false;
    bool off_ignored = false;  // an explicit OFF has no effect
  };
  std::vector<ConversionRow> conversions;
};

// Names of the profiles compiled in, sorted: a2a3, a5, opencl.
std::vector<std::string> profile_names();
// Error lists the known names.
Result<Profile> load_profile(std::string_view name);
// Same, from TOML text (for tests and users' own targets).
Result<Profile> parse_profile(std::string_view text, std::string_view file_name);

}  // namespace assay
