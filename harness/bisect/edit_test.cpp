#include "harness/bisect/edit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "harness/bisect/sample_kernel.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::bisect {
namespace {

pto::Module sample() {
  auto module = pto::parse(kSampleKernel, "sample.pto");
  EXPECT_TRUE(module.has_value()) << (module ? "" : to_string(module.error()));
  return module.value_or(pto::Module{});
}

std::uint32_t id_of(const pto::Function& function, pto::OpCode code, int occurrence = 0) {
  for (const pto::Operation* op : pto::preorder(function))
    if (op->code == code && occurrence-- == 0) return op->id;
  ADD_FAILURE() << "no such operation";
  return 0;
}

const Edit* find_edit(const std::vector<Edit>& edits, std::string_view description) {
  const auto found =
      std::find_if(edits.begin(), edits.end(), [&](const Edit& edit) { return edit.description == description; });
  return found == edits.end() ? nullptr : &*found;
}

std::vector<Edit> all_edits(const pto::Function& function) {
  std::vector<Edit> edits;
  for (const pto::Operation* op : pto::preorder(function))
    for (int kind = 0; kind < kEditKinds; ++kind)
      for (Edit& edit : enumerate_edits(function, static_cast<EditKind>(kind), op->id))
        edits.push_back(std::move(edit));
  return edits;
}

TEST(Edit, ScopeEndsWhereTheRegionEnds) {
  const pto::Module module = sample();
  const pto::Function& f = module.functions.front();
  const auto names = [&](std::uint32_t id) {
    std::set<std::string> result;
    for (pto::ValueId value : values_in_scope(f, id)) result.insert(f.values[value].name);
    return result;
  };
  const auto in_loop = names(id_of(f, pto::OpCode::tcvt));
  EXPECT_TRUE(in_loop.contains("r"));
  EXPECT_TRUE(in_loop.contains("yt"));
  EXPECT_TRUE(in_loop.contains("rows"));
  const auto before = names(id_of(f, pto::OpCode::for_op));
  EXPECT_TRUE(before.contains("yv"));
  EXPECT_FALSE(before.contains("n"));
  EXPECT_FALSE(names(id_of(f, pto::OpCode::return_op)).contains("yt"));
}

TEST(Edit, EveryEditOfEveryKindGivesAModuleThatIsLegalTextOrRefusedByTheVerifier) {
  const pto::Module module = sample();
  std::set<EditKind> legal_kinds;
  int legal = 0;
  for (const Edit& edit : all_edits(module.functions.front())) {
    auto edited = apply_edit(module, "scale_add", edit);
    ASSERT_TRUE(edited.has_value()) << edit.description;
    if (!pto::verify(*edited)) continue;
    const std::string text = pto::print(*edited);
    const auto again = pto::parse(text, "edited.pto");
    ASSERT_TRUE(again.has_value()) << edit.description << "\n" << to_string(again.error());
    EXPECT_TRUE(pto::equal(*edited, *again)) << edit.description;
    legal_kinds.insert(edit.kind);
    ++legal;
  }
  EXPECT_GT(legal, 300);
  EXPECT_EQ(legal_kinds.size(), static_cast<std::size_t>(kEditKinds)) << "a kind never gives a legal kernel";
}

TEST(Edit, NoEditLeavesTheKernelAsItWas) {
  const pto::Module module = sample();
  for (const Edit& edit : all_edits(module.functions.front())) {
    auto edited = apply_edit(module, "scale_add", edit);
    ASSERT_TRUE(edited.has_value());
    EXPECT_FALSE(pto::equal(module, *edited)) << name(edit.kind) << ": " << edit.description;
  }
}

TEST(Edit, AnEditOfOneOperationHasItsInverseInTheList) {
  const pto::Module module = sample();
  const pto::Function& f = module.functions.front();
  for (EditKind kind :
       {EditKind::rounding, EditKind::operation, EditKind::operand_order, EditKind::tile_operand, EditKind::address}) {
    for (const pto::Operation* op : pto::preorder(f)) {
      for (const Edit& edit : enumerate_edits(f, kind, op->id)) {
        auto edited = apply_edit(module, f.name, edit);
        ASSERT_TRUE(edited.has_value());
        bool restored = false;
        for (const Edit& back : enumerate_edits(edited->functions.front(), kind, edit.op_id)) {
          auto undone = apply_edit(*edited, f.name, back);
          restored = restored || (undone && pto::equal(module, *undone));
        }
        EXPECT_TRUE(restored) << name(kind) << ": " << edit.description;
      }
    }
  }
}

TEST(Edit, RoundingModesOfAConversion) {
  const pto::Module module = sample();
  const pto::Function& f = module.functions.front();
  const auto edits = enumerate_edits(f, EditKind::rounding, id_of(f, pto::OpCode::tcvt));
  EXPECT_EQ(edits.size(), 5U);
  const Edit* round = find_edit(edits, "rmode RINT -> ROUND");
  ASSERT_NE(round, nullptr);
  const auto edited = apply_edit(module, "scale_add", *round);
  EXPECT_NE(pto::print(*edited).find("ROUND"), std::string::npos);
  EXPECT_TRUE(enumerate_edits(f, EditKind::rounding, id_of(f, pto::OpCode::tsub)).empty());
}

TEST(Edit, AnOffsetGoesThroughAnAdditionInFrontAndRenumbers) {
  const pto::Module module = sample();
  const pto::Function& f = module.functions.front();
  const std::uint32_t id = id_of(f, pto::OpCode::partition_view);
  const Edit* more = nullptr;
  const auto edits = enumerate_edits(f, EditKind::bounds, id);
  more = find_edit(edits, "operand 1: %r -> %r + 1");
  ASSERT_NE(more, nullptr);
  const auto edited = apply_edit(module, "scale_add", *more);
  const auto operations = pto::preorder(edited->functions.front());
  EXPECT_EQ(operations[id]->code, pto::OpCode::arith_constant);
  EXPECT_EQ(operations[id + 1]->code, pto::OpCode::arith_addi);
  EXPECT_EQ(operations[id + 2]->code, pto::OpCode::partition_view);
  EXPECT_EQ(operations[id + 2]->operands[1], operations[id + 1]->results.front());
  const auto legal = pto::verify(*edited);
  EXPECT_TRUE(legal.has_value()) << to_string(legal.error());
}

TEST(Edit, AnUnsetExtentIsGivenTheDeclaredShape) {
  std::string text(kSampleKernel);
  const std::string was = "%st = pto.alloc_tile addr = %a2 valid_row = %n :";
  text.replace(text.find(was), was.size(), "%st = pto.alloc_tile addr = %a2 :");
  const auto module = pto::parse(text, "unset.pto");
  ASSERT_TRUE(module.has_value()) << to_string(module.error());
  const pto::Function& f = module->functions.front();
  const auto edits = enumerate_edits(f, EditKind::valid_shape, id_of(f, pto::OpCode::alloc_tile, 2));
  ASSERT_FALSE(edits.empty());
  EXPECT_EQ(edits.front().description, "unset valid shape -> the declared shape");
  EXPECT_TRUE(find_edit(edits, "unset valid rows -> %n"));
  const auto declared = apply_edit(*module, "scale_add", edits.front());
  const auto legal = pto::verify(*declared);
  EXPECT_TRUE(legal.has_value()) << to_string(legal.error());
  const auto fixed = apply_edit(*module, "scale_add", *find_edit(edits, "unset valid rows -> %n"));
  EXPECT_TRUE(pto::equal(*fixed, sample()));
}

TEST(Edit, WhatDoesNotExistIsAnError) {
  const pto::Module module = sample();
  Edit edit;
  edit.kind = EditKind::extra_operation;
  edit.op_id = 9999;
  EXPECT_FALSE(apply_edit(module, "scale_add", edit).has_value());
  edit.op_id = 1;
  EXPECT_FALSE(apply_edit(module, "nobody", edit).has_value());
}

}  // namespace
}  // namespace assay::bisect
