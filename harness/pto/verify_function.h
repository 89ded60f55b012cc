// The checks behind verifier.h; nothing else includes this.
#pragma once

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "harness/pto/ir.h"

namespace assay::pto {

using FunctionNames = std::unordered_map<std::string_view, const Function*>;

class FunctionVerifier {
 public:
  FunctionVerifier(const Module& module, const FunctionNames& names, const Function& function,
                   std::vector<Error>& errors)
      : module_(module),
        names_(names),
        function_(function),
        errors_(errors),
        visible_(function.values.size(), false),
        constants_(function.values.size()),
        origin_(function.values.size()),
        defined_at_(function.values.size(), function.location) {}
  void run();

 private:
  template <class... Args>
  bool report(const Operation& operation, fmt::format_string<Args...> format, Args&&... args) {
    add(operation.location,
        fmt::format("{}: {}", mnemonic(operation.code), fmt::format(format, std::forward<Args>(args)...)));
    return false;
  }
  void add(Location location, std::string message);

  // verifier.cpp
  void check_type(Location location, const Type& type, bool is_subview);
  bool check_region(const Region& region, const Operation* parent, std::size_t index);
  void check_operation(const Operation& operation);
  bool check_structure(const Operation& operation);
  bool define(const Operation& operation, ValueId id);

  // verify_scalar.cpp: arith, control, query
  void check_arith(const Operation& operation);
  void check_constant(const Operation& operation);
  void check_cast(const Operation& operation);
  void check_control(const Operation& operation);
  void check_loop(const Operation& operation);
  void check_while(const Operation& operation);
  void check_call(const Operation& operation);
  bool check_types(const Operation& operation, std::string_view what, const std::vector<ValueId>& values,
                   const std::vector<Type>& expected, std::size_t skip = 0);

  // verify_view.cpp: views, scalars in memory
  void check_view(const Operation& operation);
  void check_make_view(const Operation& operation);
  void check_partition(const Operation& operation);
  void check_alloc(const Operation& operation);
  void check_multi_tile_get(const Operation& operation);
  void check_extent_query(const Operation& operation);
  void check_subview(const Operation& operation);
  void check_reinterpret(const Operation& operation);
  void check_set_validshape(const Operation& operation);
  void check_memory_scalar(const Operation& operation);

  // verify_tile.cpp: vector operations
  std::string operand_pattern(const Operation& operation) const;
  void check_tile(const Operation& operation);
  bool check_destinations(const Operation& operation);
  void check_tile_operands(const Operation& operation);
  void check_index_width(const Operation& operation);
  void check_tile_attributes(const Operation& operation);
  void check_conversion(const Operation& operation);
  bool check_word(const Operation& operation, std::string_view key, std::span<const std::string_view> words);

  // verify_cube.cpp: between memories, cube
  void check_transfer(const Operation& operation);
  void check_move(const Operation& operation);
  void check_cut(const Operation& operation);
  void check_matmul(const Operation& operation);
  void check_scales(const Operation& operation, ValueId operand, ValueId scales);
  void check_scale_address(const Operation& operation);
  bool check_fixpipe(const Operation& operation, const TileType& source, std::span<const ValueId> parameter);
  void check_elements_move(const Operation& operation, ValueId source_id, ValueId destination_id, bool quantised);

  // verify_pipe.cpp: rings, communication
  void check_sync(const Operation& operation);
  void check_pipe(const Operation& operation);
  void check_comm(const Operation& operation);
  void check_async(const Operation& operation);
  void check_async_transfer(const Operation& operation);
  void check_signal(const Operation& operation, const ViewType& signal);
  void check_syncall(const Operation& operation);
  bool check_integer(const Operation& operation, std::string_view key, std::int64_t low, std::int64_t high,
                     bool required);

  bool check_element_scalar(const Operation& operation, DType element, ValueId scalar);

  template <class T>
  const T* as(ValueId id) const {
    return std::get_if<T>(&function_.type(id));
  }
  std::optional<ScalarKind> scalar(ValueId id) const {
    const auto* type = as<ScalarType>(id);
    return type ? std::optional(type->kind) : std::nullopt;
  }
  bool is_integer(ValueId id) const;  // any width, index too
  bool expect_integers(const Operation& operation, std::span<const ValueId> ids);
  std::string type_text(ValueId id) const { return to_string(function_.type(id)); }
  // "%t of type T (line 12)": the other end of a broken rule.
  std::string described(ValueId id) const {
    const int line = defined_at_[id].line;
    return fmt::format("%{} of type {}{}", function_.values[id].name, type_text(id),
                       line > 0 ? fmt::format(" (line {})", line) : std::string{});
  }

  const Module& module_;
  const FunctionNames& names_;
  const Function& function_;
  std::vector<Error>& errors_;
  std::vector<bool> visible_;
  std::vector<std::optional<std::int64_t>> constants_;  // of arith.constant
  std::vector<std::optional<OpCode>> origin_;           // operation that made the value
  std::vector<Location> defined_at_;
};

}  // namespace assay::pto
