// A ring between the cube core of a block and its vector cores: a FIFO of tiles with a fixed number of slots
// (pto-format 3.7, pto-isa 2.1). Entries are numbered from 0; entry n lies in slot n mod slots and takes it once all
// readers of entry n - slots have freed theirs. A split entry has one part per vector core. One that is not split is
// vector core 0's: core 0 alone writes it, and its free releases the slot; a core 1 that runs the same code reads
// copies.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/pto/ir.h"
#include "harness/sim/order/clock.h"

namespace assay::sim {

enum class Direction : std::uint8_t { to_vector, to_cube };
std::string_view name(Direction direction);  // "cube to vector"

struct RingKey {
  std::int64_t rank = 0;
  std::size_t task = 0;
  std::int64_t block = 0, id = 0;
  Direction direction = Direction::to_vector;
  auto operator<=>(const RingKey&) const = default;
};

// How an entry is divided over the two vector cores: by rows or columns, into equal parts or into parts of which the
// first has one row or column more.
enum class Split : std::uint8_t { none = 0, rows = 1, columns = 2, odd_rows = 3, odd_columns = 4 };
constexpr bool by_rows(Split split) { return split == Split::rows || split == Split::odd_rows; }
constexpr std::int64_t surplus(Split split) { return split == Split::odd_rows || split == Split::odd_columns ? 1 : 0; }

// A rectangle of elements on its way: dense rows, and which of their bytes hold values (empty: all).
struct Cargo {
  DType dtype = DType::f32;
  std::int64_t rows = 0, cols = 0;
  std::vector<std::byte> data;
  std::vector<std::uint8_t> defined;
};

struct Origin {
  const pto::Operation* op = nullptr;
  const pto::Function* function = nullptr;
};

class Ring {
 public:
  static constexpr std::int64_t kLanes = 2;  // vector cores a split divides an entry over

  struct Shape {
    std::int64_t slots = 8, slot_bytes = 0;
    bool never_split = false;
    bool operator==(const Shape&) const = default;
  };

  Ring(Direction direction, std::int64_t vector_cores, Shape shape);

  Origin initialised_by;

  const Shape& shape() const { return shape_; }
  Direction direction() const { return direction_; }

  // `lane` is the vector core's index, 0 for the cube core.

  // Whether the lane's next entry has a free slot.
  bool can_push(std::int64_t lane) const;
  // What the last readers of the slot the lane's next entry takes had done when they freed it.
  const Clock& reused(std::int64_t lane) const;
  // The same of any entry, for producers that take slots before they push.
  bool is_slot_free(std::int64_t entry) const;
  const Clock& freed_slot(std::int64_t entry) const { return slot_freed_[index(entry % shape_.slots)]; }
  // Adds the lane's part; `done` is what the producer has done. Returns why the part fits neither the split nor the
  // other part, or nothing.
  std::string push(std::int64_t lane, Split split, Cargo part, Origin origin, const Clock& done);

  // Whether all parts of the lane's next entry are there.
  bool can_pop(std::int64_t lane) const;
  struct Popped {
    Cargo cargo;  // as much as there is of rows x cols, from where the lane's part begins
    Clock clock;  // of the producers
    Origin pushed_by;
    std::string mismatch;  // why the extents popped do not fit the split, or empty
  };
  // An extent below 0: whatever the lane's part has.
  Popped pop(std::int64_t lane, std::int64_t rows, std::int64_t cols, Split split, Origin origin);

  // Entries popped by the lane and not freed.
  std::int64_t held(std::int64_t lane) const;
  // Frees the lane's oldest one.
  void free(std::int64_t lane, const Clock& done);

  std::int64_t pushed(std::int64_t lane) const { return pushed_[index(lane)]; }
  std::int64_t popped(std::int64_t lane) const { return popped_[index(lane)]; }
  std::int64_t freed(std::int64_t lane) const { return freed_[index(lane)]; }

  // Entries that nobody popped, or nobody freed, once all agents are done.
  struct Leftover {
    std::int64_t entry = 0, lane = 0;
    bool popped = false;
    Origin origin;  // of the push, or of the pop
  };
  std::vector<Leftover> leftovers() const;

 private:
  struct Part {
    Cargo cargo;
    Origin origin;  // without op: not pushed yet
  };
  struct Taken {
    std::int64_t extent = -1;  // along the axis of the split
    Origin origin;
  };
  struct Entry {
    Split split = Split::none;
    std::array<Part, kLanes> parts;
    std::array<Taken, kLanes> taken;
    Clock clock;
  };

  static std::size_t index(std::int64_t lane) { return static_cast<std::size_t>(lane); }
  std::int64_t writers(Split split) const;
  std::int64_t readers(Split split) const;
  Entry& entry(std::int64_t number) { return entries_[static_cast<std::size_t>(number - first_)]; }
  const Entry& entry(std::int64_t number) const { return entries_[static_cast<std::size_t>(number - first_)]; }
  bool is_complete(const Entry& entry) const;
  bool is_freed(std::int64_t number) const;
  std::string check_parts(const Entry& entry) const;
  Cargo assemble(const Entry& entry) const;
  void drop_finished();

  Direction direction_;
  std::int64_t vector_cores_;
  Shape shape_;
  std::deque<Entry> entries_;
  std::int64_t first_ = 0;  // number of entries_.front()
  std::size_t kept_bytes_ = 0;
  std::array<std::int64_t, kLanes> pushed_{}, popped_{}, freed_{};
  std::vector<Clock> slot_freed_;  // by slot: what its readers had done when they freed it
};

}  // namespace assay::sim
