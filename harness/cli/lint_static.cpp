// Findings that need no run: operations the target lacks, extents left open, and the conventions of memory planners
// (pto-format.md section 3 and 3.1), which are no machine errors.
#include <algorithm>
#include <map>

#include "harness/cli/lint.h"

namespace assay::cli {
namespace {

constexpr std::int64_t kPlannerAlignment = 512, kPlannerVecOfA5 = 253952;

class Walk {
 public:
  Walk(const pto::Function& function, const Profile& profile, std::vector<Finding>& findings)
      : function_(function), profile_(profile), findings_(findings) {}

  void visit(const pto::Operation& operation) {
    note_constant(operation);
    const std::string_view mnemonic = pto::mnemonic(operation.code);
    constexpr std::string_view kDialect = "pto.";
    if (mnemonic.starts_with(kDialect) &&
        std::ranges::find(profile_.absent_ops, mnemonic.substr(kDialect.size())) != profile_.absent_ops.end())
      add("absent-op", operation, fmt::format("{} has no instruction for {}", profile_.name, mnemonic));
    if (operation.code == pto::OpCode::alloc_tile) visit_alloc(operation);
    if (operation.code == pto::OpCode::treshape) visit_reshape(operation);
  }

 private:
  void add(std::string_view rule, const pto::Operation& operation, std::string message) {
    Finding finding;
    finding.rule = rule;
    finding.severity = find_rule(rule)->severity;
    finding.message = std::move(message);
    finding.location = operation.location;
    finding.function = function_.name;
    findings_.push_back(std::move(finding));
  }

  void note_constant(const pto::Operation& operation) {
    if (operation.results.size() != 1) return;
    if (operation.code == pto::OpCode::arith_constant) {
      const pto::Attribute* value = pto::find(operation.attributes, "value");
      if (const auto* integer = value ? std::get_if<pto::IntAttr>(&value->value) : nullptr)
        constants_[operation.results[0]] = integer->value;
    } else if (operation.code == pto::OpCode::arith_index_cast && !operation.operands.empty()) {
      if (const auto known = constants_.find(operation.operands[0]); known != constants_.end())
        constants_[operation.results[0]] = known->second;
    }
  }

  void visit_alloc(const pto::Operation& operation) {
    const pto::TileType& tile = function_.tile(operation.results[0]);
    const bool rows = tile.valid_rows == pto::kDynamic && operation.segment(1).empty();
    const bool cols = tile.valid_cols == pto::kDynamic && operation.segment(2).empty();
    if (rows || cols)
      add("unset-extent", operation,
          fmt::format("the valid {} of %{} are ? in its type and no operand gives them",
                      rows && cols ? "rows and columns"
                      : rows       ? "rows"
                                   : "columns",
                      function_.values[operation.results[0]].name));
    const auto address_operand = operation.segment(0);
    if (address_operand.empty()) return;
    if (const auto address = constants_.find(address_operand[0]); address != constants_.end())
      check_address(operation, tile, address->second);
  }

  void check_address(const pto::Operation& operation, const pto::TileType& tile, std::int64_t address) {
    const bool level0 =
        tile.space == pto::Space::left || tile.space == pto::Space::right || tile.space == pto::Space::acc;
    if (level0 && address % kPlannerAlignment != 0)
      add("planner-alignment", operation,
          fmt::format("{} tile at {}, not a multiple of {}", pto::name(tile.space), address, kPlannerAlignment));
    const std::int64_t end = address + bytes_of(tile.element, tile.rows * tile.cols);
    if (profile_.name == "a5" && tile.space == pto::Space::vec && end > kPlannerVecOfA5)
      add("planner-capacity", operation,
          fmt::format("vec tile at {} to {}, beyond the {} bytes planners use", address, end, kPlannerVecOfA5));
  }

  void visit_reshape(const pto::Operation& operation) {
    const pto::TileType& tile = function_.tile(operation.results[0]);
    if (tile.valid_rows == pto::kDynamic || tile.valid_cols == pto::kDynamic)
      add("unset-extent", operation,
          fmt::format("the reshaped tile %{} has ? in its valid shape, which stays unset",
                      function_.values[operation.results[0]].name));
  }

  const pto::Function& function_;
  const Profile& profile_;
  std::vector<Finding>& findings_;
  std::map<pto::ValueId, std::int64_t> constants_;
};

}  // namespace

std::vector<Finding> static_findings(const pto::Module& module, const Profile& profile) {
  std::vector<Finding> findings;
  for (const pto::Function& function : module.functions) {
    Walk walk(function, profile, findings);
    for (const pto::Operation* operation : pto::preorder(function)) walk.visit(*operation);
  }
  return findings;
}

}  // namespace assay::cli
