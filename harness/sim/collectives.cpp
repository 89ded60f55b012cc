// Bodies of put, get and the collectives (pto-format 3.8; pto-isa 2.1, 2.5). Each is a macro of the device's library:
// loads on MTE2 into the staging tiles, stores on MTE3 out of them, in chunks of a tile, in which MTE2 goes on only
// after the last store; a reduction adds on V in between. The scalar stream waits for none of it, so neither does a
// notify behind it (pto-format section 4, class 12).
#include <algorithm>
#include <cstring>

#include "harness/sim/attribute.h"
#include "harness/sim/global_rectangle.h"
#include "harness/sim/machine.h"
#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// Operands by the operation's segments: what stands where depends on the operation (ir.h).
struct Operands {
  std::span<const Ref> first, second, third, fourth;
};
Operands operands_of(const Instruction& i) {
  Operands found;
  std::span<const Ref> rest = i.operands;
  for (std::span<const Ref>* part : {&found.first, &found.second, &found.third, &found.fourth}) {
    const std::size_t at = static_cast<std::size_t>(part - &found.first);
    const std::size_t length = at < i.source->segments.size() ? i.source->segments[at] : 0;
    *part = rest.first(length);
    rest = rest.subspan(length);
  }
  return found;
}

// ---- staging

// Rows and columns of the pieces a rectangle passes through a staging tile in; the last ones may be smaller.
struct Piece {
  std::int64_t row = 0, col = 0, rows = 0, cols = 0;
};

bool check_staging(Machine& m, std::span<const Ref> tiles) {
  for (Ref ref : tiles) {
    const Tile& tile = m.tile(ref);
    if (!m.check_alignment(tile) || !m.check_valid_set(tile)) return false;
    if (tile.valid_rows == 0 || tile.valid_cols == 0)
      return m.fault_at_tile("staging", fmt::format("{} has no valid elements to move through", describe(tile)), tile);
  }
  return true;
}

// The last piece through each of the tiles, in the order of use.
std::vector<Piece> last_pieces(const Tile& tile, std::int64_t rows, std::int64_t cols, std::size_t tiles) {
  if (rows == 0 || cols == 0) return {};
  const std::int64_t down = (rows + tile.valid_rows - 1) / tile.valid_rows;
  const std::int64_t across = (cols + tile.valid_cols - 1) / tile.valid_cols;
  std::vector<Piece> last;
  const std::int64_t count = down * across;
  for (std::int64_t piece = std::max<std::int64_t>(0, count - static_cast<std::int64_t>(tiles)); piece < count;
       ++piece) {
    const std::int64_t row = piece / across * tile.valid_rows, col = piece % across * tile.valid_cols;
    last.push_back({row, col, std::min(tile.valid_rows, rows - row), std::min(tile.valid_cols, cols - col)});
  }
  return last;
}

std::size_t tile_of_piece(const Tile& tile, const Piece& piece, std::int64_t cols, std::size_t tiles) {
  const std::int64_t across = (cols + tile.valid_cols - 1) / tile.valid_cols;
  const std::int64_t number = piece.row / tile.valid_rows * across + piece.col / tile.valid_cols;
  return static_cast<std::size_t>(number) % tiles;
}

// What passes through the tiles stays in them; the rest of the transfer travels in `cargo`.
void leave_in_tiles(Machine& m, std::span<const Ref> tiles, const Cargo& cargo) {
  const Tile& first = m.tile(tiles[0]);
  const std::int64_t width = element_bytes(first);
  for (const Piece& piece : last_pieces(first, cargo.rows, cargo.cols, tiles.size())) {
    std::vector<std::byte> dense(static_cast<std::size_t>(piece.rows * piece.cols * width));
    for (std::int64_t row = 0; row < piece.rows; ++row)
      std::memcpy(dense.data() + row * piece.cols * width,
                  cargo.data.data() + ((piece.row + row) * cargo.cols + piece.col) * width,
                  static_cast<std::size_t>(piece.cols * width));
    m.write(m.tile(tiles[tile_of_piece(first, piece, cargo.cols, tiles.size())]), piece.rows, piece.cols, dense.data());
  }
}

// The stores read the tiles: whatever somebody else has put there meanwhile is what they store.
bool take_from_tiles(Machine& m, std::span<const Ref> tiles, Cargo& cargo) {
  const Tile& first = m.tile(tiles[0]);
  const std::int64_t width = element_bytes(first);
  for (const Piece& piece : last_pieces(first, cargo.rows, cargo.cols, tiles.size())) {
    const Tile& tile = m.tile(tiles[tile_of_piece(first, piece, cargo.cols, tiles.size())]);
    const std::byte* dense = m.read(tile, piece.rows, piece.cols, 0);
    if (!dense) return false;
    for (std::int64_t row = 0; row < piece.rows; ++row)
      std::memcpy(cargo.data.data() + ((piece.row + row) * cargo.cols + piece.col) * width,
                  dense + row * piece.cols * width, static_cast<std::size_t>(piece.cols * width));
  }
  return true;
}

// ---- transfers under way

std::deque<Transfer>& transfers(Machine& m) { return m.shared().transfers[key_of(m.who())]; }

void begin(Machine& m, const Instruction& i, std::vector<Cargo> cargo) {
  Transfer& transfer = transfers(m).emplace_back();
  transfer.op = i.source;
  transfer.cargo = std::move(cargo);
  m.release(transfer.clock);
}

std::deque<Transfer>::iterator find(Machine& m, const Instruction& i, std::size_t part) {
  std::deque<Transfer>& all = transfers(m);
  return std::find_if(all.begin(), all.end(),
                      [&](const Transfer& transfer) { return transfer.op == i.source && transfer.next_part == part; });
}

template <std::size_t kPart>
bool is_next(Machine& m, const Instruction& i) {
  return find(m, i, kPart) != transfers(m).end();
}
template <std::size_t kPart>
Wait explain(Machine&, const Instruction& i) {
  return {fmt::format("part {} of {}", kPart, pto::mnemonic(i.code)), "the part before it, on another pipe"};
}

Transfer& resume(Machine& m, const Instruction& i, std::size_t part) {
  Transfer& transfer = *find(m, i, part);
  m.acquire(transfer.clock);
  return transfer;
}

void pass_on(Machine& m, Transfer& transfer) {
  ++transfer.next_part;
  m.release(transfer.clock);
}

template <std::size_t kPart>
bool end(Machine& m, const Instruction& i) {
  resume(m, i, kPart);
  transfers(m).erase(find(m, i, kPart));
  return true;
}

// ---- put and get

bool same_shape(Machine& m, const View& a, const View& b, std::string_view what) {
  const RectangleShape x = shape_of(a), y = shape_of(b);
  if (x.rows == y.rows && x.cols == y.cols) return check_extent(m, a) && check_extent(m, b);
  return m.fault("transfer-shape", fmt::format("{}: {}x{} elements for {}x{}", what, x.rows, x.cols, y.rows, y.cols),
                 a.made_by ? a.made_by->location : m.function().location);
}

bool load_copy(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  const View& source = m.view(operands.second[0]);
  if (!check_staging(m, operands.third) ||
      !same_shape(m, m.view(operands.first[0]), source, "destination and source differ"))
    return false;
  std::vector<Cargo> cargo(1);
  if (!load_rectangle(m, source, cargo[0])) return false;
  leave_in_tiles(m, operands.third, cargo[0]);
  begin(m, i, std::move(cargo));
  return true;
}

bool store_copy(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  Transfer& transfer = resume(m, i, 1);
  if (!take_from_tiles(m, operands.third, transfer.cargo[0])) return false;
  const bool adds = pto::word(i.source->attributes, "atomicType") == "atomic_add";
  if (!store_rectangle(m, m.view(operands.first[0]), transfer.cargo[0], adds)) return false;
  pass_on(m, transfer);
  return true;
}

// ---- collectives

// Only the root executes them (pto-isa 2.5).
bool check_root(Machine& m, const Instruction& i, std::span<const Ref> group) {
  const std::int64_t root = integer_attribute(i.source->attributes, "root", 0);
  if (root < 0 || root >= static_cast<std::int64_t>(group.size()))
    return m.fault("collective-root", fmt::format("root {} of a group of {}", root, group.size()));
  const View& own = m.view(group[static_cast<std::size_t>(root)]);
  const auto placements = m.launch().placements;
  if (own.base.tensor >= placements.size()) return true;
  const std::int64_t owner = placements[own.base.tensor].rank_of(own.base.offset * info(own.base.element).bits / 8);
  if (owner == m.who().rank) return true;
  return m.fault("collective-root",
                 fmt::format("rank {} executes {} whose root is member {}, on rank {}", m.who().rank,
                             pto::mnemonic(i.code), root, owner),
                 own.made_by ? own.made_by->location : m.function().location);
}

bool check_group(Machine& m, std::span<const Ref> group) {
  for (Ref member : group)
    if (!same_shape(m, m.view(member), m.view(group[0]), "members of the group differ")) return false;
  return true;
}

bool load_one(Machine& m, const Instruction& i) {  // tbroadcast, tscatter
  const Operands operands = operands_of(i);
  if (!check_staging(m, operands.second) || !check_root(m, i, operands.third) || !check_group(m, operands.third))
    return false;
  const View& source = m.view(operands.first[0]);
  std::vector<Cargo> cargo(1);
  if (i.code == OpCode::comm_tbroadcast) {
    if (!same_shape(m, source, m.view(operands.third[0]), "source and members differ")) return false;
    if (!load_rectangle(m, source, cargo[0])) return false;
  } else {
    cargo.resize(operands.third.size());
    for (std::size_t k = 0; k < cargo.size(); ++k) {
      const View& member = m.view(operands.third[k]);
      const View part = band(source, static_cast<std::int64_t>(k), member);
      if (!same_shape(m, part, member, fmt::format("part {} of the source and its member differ", k)) ||
          !load_rectangle(m, part, cargo[k]))
        return false;
    }
  }
  leave_in_tiles(m, operands.second, cargo.back());
  begin(m, i, std::move(cargo));
  return true;
}

bool store_all(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  Transfer& transfer = resume(m, i, 1);
  if (!take_from_tiles(m, operands.second, transfer.cargo.back())) return false;
  for (std::size_t k = 0; k < operands.third.size(); ++k)
    if (!store_rectangle(m, m.view(operands.third[k]), transfer.cargo[std::min(k, transfer.cargo.size() - 1)], false))
      return false;
  pass_on(m, transfer);
  return true;
}

bool load_group(Machine& m, const Instruction& i) {  // tgather, treduce
  const Operands operands = operands_of(i);
  const bool reduces = i.code == OpCode::comm_treduce;
  const std::span<const Ref> staging = reduces ? operands.third : operands.second;
  const std::span<const Ref> group = reduces ? operands.fourth : operands.third;
  if (!check_staging(m, staging) || !check_root(m, i, group) || !check_group(m, group)) return false;
  if (reduces && (!check_staging(m, operands.second) ||
                  !same_shape(m, m.view(operands.first[0]), m.view(group[0]), "destination and members differ")))
    return false;
  std::vector<Cargo> cargo(group.size());
  for (std::size_t k = 0; k < group.size(); ++k)
    if (!load_rectangle(m, m.view(group[k]), cargo[k])) return false;
  leave_in_tiles(m, staging, cargo.back());
  begin(m, i, std::move(cargo));
  return true;
}

bool store_stacked(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  Transfer& transfer = resume(m, i, 1);
  if (!take_from_tiles(m, operands.second, transfer.cargo.back())) return false;
  const View& destination = m.view(operands.first[0]);
  for (std::size_t k = 0; k < operands.third.size(); ++k) {
    const View& member = m.view(operands.third[k]);
    const View part = band(destination, static_cast<std::int64_t>(k), member);
    if (!same_shape(m, part, member, fmt::format("part {} of the destination and its member differ", k)) ||
        !store_rectangle(m, part, transfer.cargo[k], false))
      return false;
  }
  pass_on(m, transfer);
  return true;
}

// In the order of the group, each step rounded to the element type, as tadd, tmax and tmin of the tiles are.
bool reduce(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  Transfer& transfer = resume(m, i, 1);
  if (!take_from_tiles(m, operands.third, transfer.cargo.back())) return false;
  const std::string_view word = pto::word(i.source->attributes, "reduceOp");
  const Combine how = word == "max" ? Combine::max : word == "min" ? Combine::min : Combine::sum;
  Cargo& result = transfer.cargo[0];
  for (std::size_t k = 1; k < transfer.cargo.size(); ++k)
    combine(how, result.dtype, result.data.data(), transfer.cargo[k].data.data(), result.rows * result.cols);
  leave_in_tiles(m, operands.second, result);
  pass_on(m, transfer);
  return true;
}

bool store_reduced(Machine& m, const Instruction& i) {
  const Operands operands = operands_of(i);
  Transfer& transfer = resume(m, i, 2);
  if (!take_from_tiles(m, operands.second, transfer.cargo[0]) ||
      !store_rectangle(m, m.view(operands.first[0]), transfer.cargo[0], false))
    return false;
  pass_on(m, transfer);
  return true;
}

constexpr Part load(Body body) { return {pto::Pipe::mte2, false, nullptr, body, nullptr, nullptr}; }
constexpr Part store(Body body) { return {pto::Pipe::mte3, false, nullptr, body, is_next<1>, explain<1>}; }
constexpr Part kEnd{pto::Pipe::mte2, false, nullptr, end<2>, is_next<2>, explain<2>};

constexpr Part kCopy[] = {load(load_copy), store(store_copy), kEnd};
constexpr Part kSpread[] = {load(load_one), store(store_all), kEnd};
constexpr Part kGather[] = {load(load_group), store(store_stacked), kEnd};
constexpr Part kReduce[] = {load(load_group),
                            {pto::Pipe::v, false, nullptr, reduce, is_next<1>, explain<1>},
                            {pto::Pipe::mte3, false, nullptr, store_reduced, is_next<2>, explain<2>},
                            {pto::Pipe::mte2, false, nullptr, end<3>, is_next<3>, explain<3>}};

}  // namespace

std::span<const Part> collective_parts(OpCode code) {
  switch (code) {
    case OpCode::comm_tput:
    case OpCode::comm_tget:
      return kCopy;
    case OpCode::comm_tbroadcast:
    case OpCode::comm_tscatter:
      return kSpread;
    case OpCode::comm_tgather:
      return kGather;
    case OpCode::comm_treduce:
      return kReduce;
    default:
      return {};
  }
}

}  // namespace assay::sim
