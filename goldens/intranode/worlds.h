// Test support: configurations of dispatch and combine, the routings of ep-dispatch-combine 1.8, and inputs.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens::intranode {

enum class RoutingKind : std::uint8_t {
  distinct,      // k distinct PEs while there are that many, random experts
  random,        // ids drawn with replacement
  permutation,   // k distinct ids
  spread,        // j-th expert on PE j mod ws
  all_to_one,    // one id k times
  soft_hot,      // slot 0 on PE 0, the others elsewhere
  hot,           // experts 0..k-1
  every_other,   // permutation with -1 in odd slots
  first_only,    // permutation with -1 after slot 0
  last_invalid,  // permutation with an id beyond the last expert in the last slot
  none,          // all -1
  unbalanced     // most ids on few PEs, some -1
};
inline constexpr int kRoutingKinds = 12;

struct Configuration {
  std::int64_t ws = 2, m = 4, h = 32, k = 2, epr = 4, cap = 0;
  DType dtype = DType::bf16;
  RoutingKind routing = RoutingKind::permutation;
  bool wide_ids = false;  // i64
  std::int64_t scale_bytes = 0;
  bool once_per_token = false;  // replace repeated ids by -1 (precondition of StdMoE)

  std::int64_t share() const {
    if (cap == 0) return m;
    std::int64_t slots = 0;  // counted up, not divided
    while (slots * ws < cap && slots < m) ++slots;
    return slots;
  }
  std::int64_t slots() const { return ws * share(); }
  std::int64_t experts() const { return ws * epr; }
};

class Worlds {
 public:
  explicit Worlds(std::uint64_t seed) : samples(seed) {}
  FloatSamples samples;

  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(samples.below(static_cast<std::uint64_t>(n))); }
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[samples.below(i)]);
  }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[samples.below(values.size())];
  }

  Configuration configuration();
  std::vector<std::int64_t> token_ids(const Configuration& config);
  // x, indices, weights, tokens and scales. Rows that are not in use hold rubbish, also in indices.
  TensorMap dispatch_inputs(const Configuration& config);
  // Any bit patterns.
  Tensor any_bits(DType dtype, Shape shape);
  // Finite numbers whose sums round, cancel and hit ties; some zeros of either sign.
  Tensor addends(DType dtype, Shape shape);
};

inline Configuration Worlds::configuration() {
  Configuration s;
  s.ws = pick<std::int64_t>({1, 2, 3, 4, 8});
  s.k = pick<std::int64_t>({1, 2, 6, 8, 9});
  s.m = pick<std::int64_t>({1, 2, 5, 8});
  s.epr = (s.k + s.ws - 1) / s.ws + below(3);
  s.h = pick<std::int64_t>({32, 64});
  s.dtype = pick({DType::bf16, DType::f32, DType::e4m3fn, DType::e4m3fnuz, DType::e2m1});
  s.routing = static_cast<RoutingKind>(below(kRoutingKinds));
  s.cap = pick<std::int64_t>({0, 0, s.ws * s.m, std::max(s.ws, s.ws * s.m / 2), s.ws, s.ws + 1, 2 * s.ws * s.m});
  s.wide_ids = samples.coin();
  s.scale_bytes = pick<std::int64_t>({0, 3, 4, 28, 32});
  return s;
}

inline std::vector<std::int64_t> Worlds::token_ids(const Configuration& s) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(s.experts()));
  std::iota(all.begin(), all.end(), 0);
  shuffle(all);
  const auto k = static_cast<std::size_t>(s.k);
  std::vector<std::int64_t> ids(k), pes(static_cast<std::size_t>(s.ws));
  std::iota(pes.begin(), pes.end(), 0);
  shuffle(pes);
  for (std::size_t j = 0; j < k; ++j) {
    const auto on = [&](std::int64_t pe) { return pe * s.epr + below(s.epr); };
    switch (s.routing) {
      case RoutingKind::distinct:
        ids[j] = on(pes[j % pes.size()]);
        break;
      case RoutingKind::random:
        ids[j] = below(s.experts());
        break;
      case RoutingKind::spread:
        ids[j] = on(static_cast<std::int64_t>(j) % s.ws);
        break;
      case RoutingKind::all_to_one:
        ids[j] = s.experts() - 1;
        break;
      case RoutingKind::soft_hot:
        ids[j] = j == 0 || s.ws == 1 ? below(s.epr) : on(1 + below(s.ws - 1));
        break;
      case RoutingKind::hot:
        ids[j] = static_cast<std::int64_t>(j) % s.experts();
        break;
      case RoutingKind::none:
        ids[j] = -1;
        break;
      case RoutingKind::unbalanced:
        ids[j] = below(8) == 0 ? -1 : on(below(4) == 0 ? below(s.ws) : 0);
        break;
      default:
        ids[j] = all[j % all.size()];
    }
    if (s.routing == RoutingKind::every_other && j % 2 == 1) ids[j] = -1;
    if (s.routing == RoutingKind::first_only && j > 0) ids[j] = -1;
    if (s.routing == RoutingKind::last_invalid && j + 1 == k) ids[j] = s.experts() + below(3);
    if (s.once_per_token && std::count(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(j), ids[j])) ids[j] = -1;
  }
  return ids;
}

inline Tensor Worlds::any_bits(DType dtype, Shape shape) {
  Tensor result(dtype, std::move(shape));
  for (std::byte& byte : result.bytes()) byte = static_cast<std::byte>(samples.bits());
  return result;
}

inline Tensor Worlds::addends(DType dtype, Shape shape) {
  Tensor result(dtype, std::move(shape));
  for (std::int64_t i = 0; i < result.size(); ++i) {
    const std::uint64_t sign = samples.below(2), draw = samples.bits();
    std::uint64_t bits = 0;
    switch (dtype) {
      case DType::f32:
        bits = std::bit_cast<std::uint32_t>(samples.coin() ? samples.moderate() : samples.coarse());
        break;
      case DType::bf16:
        bits = std::bit_cast<std::uint32_t>(samples.coin() ? samples.moderate() : samples.coarse()) >> 16;
        break;
      case DType::e4m3fn:
        bits = draw % 0x7F | sign << 7;
        break;
      case DType::e4m3fnuz:
        bits = draw % 0x80 | sign << 7;
        if (bits == 0x80) bits = 0;
        break;
      default:
        bits = draw % 16;
    }
    if (samples.below(8) == 0 && dtype != DType::e4m3fnuz) bits = sign << (info(dtype).bits - 1);
    result.set_bits(i, bits);
  }
  return result;
}

inline TensorMap Worlds::dispatch_inputs(const Configuration& s) {
  TensorMap inputs;
  inputs["x"] = any_bits(s.dtype, {s.ws, s.m, s.h});
  inputs["weights"] = any_bits(DType::f32, {s.ws, s.m, s.k});
  Tensor indices = any_bits(s.wide_ids ? DType::i64 : DType::i32, {s.ws, s.m, s.k});
  Tensor tokens(DType::i32, {s.ws});
  for (std::int64_t rank = 0; rank < s.ws; ++rank) {
    const std::int64_t count =
        std::min(s.m, pick<std::int64_t>({0, 1, std::max<std::int64_t>(s.m - 1, 0), s.m, s.m, s.m}));
    tokens.set_bits(rank, static_cast<std::uint64_t>(count));
    for (std::int64_t t = 0; t < count; ++t) {
      const auto ids = token_ids(s);
      for (std::size_t j = 0; j < ids.size(); ++j)
        indices.set_bits((rank * s.m + t) * s.k + static_cast<std::int64_t>(j), static_cast<std::uint64_t>(ids[j]));
    }
  }
  inputs["indices"] = std::move(indices);
  inputs["tokens"] = std::move(tokens);
  if (s.scale_bytes > 0) inputs["scales"] = any_bits(DType::u8, {s.ws, s.m, s.scale_bytes});
  return inputs;
}

}  // namespace assay::goldens::intranode
