// Test support: dispatch and combine as a subject performs them, message by message, in a random order of arrival and
// with random acceptance; and the mutants of ep-dispatch-combine section 4. Written from section 1 apart from the
// goldens: messages and per-message maps instead of sets and source maps.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "goldens/intranode/worlds.h"

namespace assay::goldens::intranode {

// A bug in dispatch.
enum class DispatchMutant : std::uint8_t {
  none,
  drop_last_token,
  swap_two_sources,
  swap_id_rows,
  skip_dedup,
  count_duplicates,
  accept_one_more,
  floor_share,
  partition_cap,
  scales_shifted,
  scale_tail_truncated,
  tail_columns_not_copied,
  nibbles_swapped,
  local_ids,
  write_nothing,
  first_rank_only,
  // StdMoE
  foreign_counted,
  signed_local_test,
  swap_packed_rows,
  capped_buckets
};
inline constexpr int kDispatchMutants = 20;

struct Place {
  std::int64_t pe = -1, slot = -1;
};

struct Delivery {
  TensorMap outputs;                                           // of intranode_dispatch_std_moe
  std::map<std::pair<std::int64_t, std::int64_t>, Place> map;  // of the sender, by (source, owning j)
  std::vector<std::int64_t> counts;                            // by PE
  bool bites = false;                                          // the mutant did something that no legal dispatch does
};

class Fabric {
 public:
  Fabric(const Configuration& config, const TensorMap& inputs, Worlds& worlds,
         DispatchMutant mutant = DispatchMutant::none)
      : s_(config), inputs_(inputs), worlds_(worlds), mutant_(mutant) {}

  // `std_moe`: with the expert-major outputs.
  Delivery dispatch(bool std_moe);

  std::int64_t id(std::int64_t source, std::int64_t j) const {
    const Tensor& indices = inputs_.at("indices");
    const auto bits = indices.bits(source * s_.k + j);
    return indices.dtype() == DType::i64 ? static_cast<std::int64_t>(bits) : static_cast<std::int32_t>(bits);
  }
  std::int64_t pe(std::int64_t source, std::int64_t j) const {
    const std::int64_t expert = id(source, j);
    return expert < 0 || expert >= s_.experts() ? -1 : expert / s_.epr;
  }
  bool in_use(std::int64_t source) const {
    return source % s_.m < static_cast<std::int32_t>(inputs_.at("tokens").bits(source / s_.m));
  }

 private:
  struct Message {
    std::int64_t source, pe, j;
    bool duplicate;
  };
  std::vector<Message> messages() const;
  bool refused(const Message& message, const Delivery& delivery, const std::vector<std::int64_t>& from) const;
  void write_slot(const Message& message, std::int64_t slot, Delivery& delivery);
  void copy_row(const std::string& from, std::int64_t source, const std::string& to, std::int64_t row,
                Delivery& delivery);
  void spoil(Delivery& delivery);
  void scatter(Delivery& delivery);
  void scatter_at(std::int64_t pe, Delivery& delivery);
  void swap_rows(Tensor& tensor, std::int64_t a, std::int64_t b, Delivery& delivery);

  Configuration s_;
  const TensorMap& inputs_;
  Worlds& worlds_;
  DispatchMutant mutant_;
};

inline std::vector<Fabric::Message> Fabric::messages() const {
  std::vector<Message> result;
  for (std::int64_t source = 0; source < s_.ws * s_.m; ++source) {
    if (!in_use(source)) continue;
    std::set<std::int64_t> reached;
    for (std::int64_t j = 0; j < s_.k; ++j)
      if (const std::int64_t to = pe(source, j); to >= 0) result.push_back({source, to, j, !reached.insert(to).second});
  }
  return result;
}

inline bool Fabric::refused(const Message& message, const Delivery& delivery,
                            const std::vector<std::int64_t>& from) const {
  const std::int64_t count = delivery.counts[static_cast<std::size_t>(message.pe)];
  if (mutant_ == DispatchMutant::floor_share && s_.cap > 0) return count >= s_.ws * std::min(s_.cap / s_.ws, s_.m);
  if (mutant_ == DispatchMutant::partition_cap)
    return from[static_cast<std::size_t>(message.pe * s_.ws + message.source / s_.m)] >= s_.share();
  return count >= s_.slots();
}

// Mutants leave the complement of what belongs there, so that nothing is right by accident.
inline void Fabric::copy_row(const std::string& from, std::int64_t source, const std::string& to, std::int64_t row,
                             Delivery& delivery) {
  const Tensor& input = inputs_.at(from);
  Tensor& output = delivery.outputs.at(to);
  const std::int64_t columns = input.shape()[2];
  for (std::int64_t c = 0; c < columns; ++c) {
    std::uint64_t bits = input.bits(source * columns + c);
    bool wrong = mutant_ == DispatchMutant::tail_columns_not_copied && to == "tok" && c + 8 >= columns;
    wrong =
        wrong || (mutant_ == DispatchMutant::scale_tail_truncated && to == "recv_scales" && c + columns % 4 >= columns);
    wrong = wrong || (mutant_ == DispatchMutant::first_rank_only && row >= s_.slots());
    if (wrong) bits = ~bits;
    if (mutant_ == DispatchMutant::nibbles_swapped && to == "tok" && input.dtype() == DType::e2m1)
      bits = input.bits(source * columns + (c ^ 1));
    if (mutant_ == DispatchMutant::scales_shifted && to == "recv_scales")
      bits = input.bits((source * columns + c + row) % input.size());
    delivery.bites = delivery.bites || wrong || bits != input.bits(source * columns + c);
    output.set_bits(row * columns + c, bits);
  }
}

inline void Fabric::write_slot(const Message& message, std::int64_t slot, Delivery& delivery) {
  const std::int64_t row = message.pe * s_.slots() + slot;
  delivery.outputs.at("src").set_bits(row, static_cast<std::uint64_t>(message.source));
  copy_row("x", message.source, "tok", row, delivery);
  copy_row("weights", message.source, "wts", row, delivery);
  if (inputs_.contains("scales")) copy_row("scales", message.source, "recv_scales", row, delivery);
  for (std::int64_t j = 0; j < s_.k; ++j) {
    std::int64_t expert = id(message.source, j);
    if (mutant_ == DispatchMutant::local_ids) {
      const std::int64_t local = pe(message.source, j) == message.pe ? expert % s_.epr : -1;
      delivery.bites = delivery.bites || local != expert;
      expert = local;
    }
    delivery.outputs.at("idx").set_bits(row * s_.k + j, static_cast<std::uint64_t>(expert));
  }
}

inline void Fabric::swap_rows(Tensor& tensor, std::int64_t a, std::int64_t b, Delivery& delivery) {
  const std::int64_t columns = tensor.size() / (s_.ws * s_.slots());
  for (std::int64_t c = 0; c < columns; ++c) {
    const std::uint64_t x = tensor.bits(a * columns + c), y = tensor.bits(b * columns + c);
    delivery.bites = delivery.bites || x != y;
    tensor.set_bits(a * columns + c, y);
    tensor.set_bits(b * columns + c, x);
  }
}

// Mutants that spoil a finished dispatch.
inline void Fabric::spoil(Delivery& delivery) {
  for (std::int64_t at = 0; at < s_.ws; ++at) {
    const std::int64_t count = delivery.counts[static_cast<std::size_t>(at)], first = at * s_.slots();
    if (mutant_ == DispatchMutant::swap_two_sources && count >= 2)
      swap_rows(delivery.outputs.at("src"), first, first + 1, delivery);
    if (mutant_ == DispatchMutant::swap_id_rows && count >= 2)
      swap_rows(delivery.outputs.at("idx"), first, first + 1, delivery);
    if (mutant_ == DispatchMutant::drop_last_token && count >= 1) {
      delivery.outputs.at("total_recv").set_bits(at, static_cast<std::uint64_t>(count - 1));
      delivery.bites = true;
    }
  }
}

inline Delivery Fabric::dispatch(bool std_moe) {
  Delivery delivery;
  const auto rubbish = [&](DType dtype, Shape shape) { return worlds_.any_bits(dtype, std::move(shape)); };
  const std::int64_t slots = s_.slots();
  delivery.outputs["total_recv"] = Tensor(DType::i32, {s_.ws});
  delivery.outputs["src"] = rubbish(DType::i32, {s_.ws, slots});
  delivery.outputs["tok"] = rubbish(s_.dtype, {s_.ws, slots, s_.h});
  delivery.outputs["idx"] = rubbish(DType::i32, {s_.ws, slots, s_.k});
  delivery.outputs["wts"] = rubbish(DType::f32, {s_.ws, slots, s_.k});
  if (s_.scale_bytes > 0) delivery.outputs["recv_scales"] = rubbish(DType::u8, {s_.ws, slots, s_.scale_bytes});
  delivery.counts.assign(static_cast<std::size_t>(s_.ws), 0);
  std::vector<std::int64_t> totals(delivery.counts), from(static_cast<std::size_t>(s_.ws * s_.ws)), genuine(totals);
  std::set<std::pair<std::int64_t, std::int64_t>> taken;
  auto sent = messages();
  worlds_.shuffle(sent);
  // Which of several ids of one PE is the message does not depend on the order of arrival: duplicates stay marked.
  for (const Message& message : sent) {
    const auto to = static_cast<std::size_t>(message.pe);
    if (message.duplicate && mutant_ == DispatchMutant::count_duplicates) ++totals[to], delivery.bites = true;
    if (message.duplicate && mutant_ != DispatchMutant::skip_dedup) continue;
    genuine[to] += !message.duplicate;
    if (refused(message, delivery, from)) {
      if (mutant_ == DispatchMutant::accept_one_more && totals[to] == slots) ++totals[to], delivery.bites = true;
      continue;
    }
    delivery.bites = delivery.bites || !taken.insert({message.source, message.pe}).second;
    const std::int64_t slot = delivery.counts[to]++;
    ++totals[to];
    ++from[to * static_cast<std::size_t>(s_.ws) + static_cast<std::size_t>(message.source / s_.m)];
    if (mutant_ == DispatchMutant::write_nothing) {
      delivery.bites = true;
      continue;
    }
    write_slot(message, slot, delivery);
    delivery.map[{message.source, message.j}] = {message.pe, slot};
  }
  for (std::size_t to = 0; to < totals.size(); ++to) {
    delivery.bites = delivery.bites || (delivery.counts[to] != std::min(genuine[to], slots));
    delivery.outputs["total_recv"].set_bits(static_cast<std::int64_t>(to), static_cast<std::uint64_t>(totals[to]));
  }
  spoil(delivery);
  if (std_moe) scatter(delivery);
  return delivery;
}

inline void Fabric::scatter(Delivery& delivery) {
  const std::int64_t rows = s_.ws * s_.m;
  delivery.outputs["packed_recv_x"] = worlds_.any_bits(s_.dtype, {s_.ws, s_.epr, rows, s_.h});
  delivery.outputs["packed_recv_src_info"] = worlds_.any_bits(DType::i32, {s_.ws, s_.epr, rows});
  delivery.outputs["packed_recv_count"] = Tensor(DType::i32, {s_.ws, s_.epr});
  delivery.outputs["slot_of"] = worlds_.any_bits(DType::i32, {s_.ws, s_.slots(), s_.k});
  for (std::int64_t at = 0; at < s_.ws; ++at) scatter_at(at, delivery);
}

inline void Fabric::scatter_at(std::int64_t at, Delivery& delivery) {
  struct Pair {
    std::int64_t slot, j;
  };
  std::vector<Pair> pairs;
  for (std::int64_t slot = 0; slot < delivery.counts[static_cast<std::size_t>(at)]; ++slot)
    for (std::int64_t j = 0; j < s_.k; ++j) pairs.push_back({slot, j});
  worlds_.shuffle(pairs);
  const std::int64_t rows = s_.ws * s_.m;
  std::vector<std::int64_t> count(static_cast<std::size_t>(s_.epr));
  for (const auto& [slot, j] : pairs) {
    const std::int64_t row = at * s_.slots() + slot;
    const auto source = static_cast<std::int64_t>(delivery.outputs.at("src").bits(row));
    const std::int64_t expert = id(source, j) - at * s_.epr;
    bool local = expert >= 0 && expert < s_.epr;
    const bool counted_anyway = mutant_ == DispatchMutant::foreign_counted && expert >= s_.epr;
    const bool below = mutant_ == DispatchMutant::signed_local_test && expert < 0;
    Tensor& slot_of = delivery.outputs.at("slot_of");
    if (counted_anyway || below) {
      ++count[0];
      delivery.bites = true;
    }
    if (!local) {
      slot_of.set_bits(row * s_.k + j, static_cast<std::uint64_t>(-1));
      continue;
    }
    const std::int64_t q = count[static_cast<std::size_t>(expert)]++;
    if (mutant_ == DispatchMutant::capped_buckets && q + 1 > s_.m) {
      delivery.bites = true;
      --count[static_cast<std::size_t>(expert)];
      slot_of.set_bits(row * s_.k + j, static_cast<std::uint64_t>(-1));
      continue;
    }
    if (q >= rows) continue;  // only with a mutant that counts too much
    const std::int64_t place = (at * s_.epr + expert) * rows + q;
    slot_of.set_bits(row * s_.k + j, static_cast<std::uint64_t>(expert * rows + q));
    delivery.outputs.at("packed_recv_src_info").set_bits(place, static_cast<std::uint64_t>(source));
    copy_row("x", source, "packed_recv_x", place, delivery);
    if (mutant_ == DispatchMutant::swap_packed_rows && q == 1) {
      Tensor& packed = delivery.outputs.at("packed_recv_x");
      for (std::int64_t c = 0; c < s_.h; ++c) {
        const auto a = packed.bits(place * s_.h + c), b = packed.bits((place - 1) * s_.h + c);
        delivery.bites = delivery.bites || a != b;
        packed.set_bits(place * s_.h + c, b);
        packed.set_bits((place - 1) * s_.h + c, a);
      }
    }
  }
  for (std::int64_t expert = 0; expert < s_.epr; ++expert)
    delivery.outputs.at("packed_recv_count")
        .set_bits(at * s_.epr + expert, static_cast<std::uint64_t>(count[static_cast<std::size_t>(expert)]));
}

}  // namespace assay::goldens::intranode
