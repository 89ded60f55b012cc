// The ports that the intranode stages share.
#pragma once

#include <vector>

#include "goldens/stages/stage.h"

namespace assay::goldens::intranode {

// What tokens may be made of, when dispatched and when combined (ep-dispatch-combine 1.1). e2m1 counts elements, two a
// byte: adapters of tensors whose last axis counts bytes must not mix the two.
inline std::vector<DType> row_dtypes() {
  return {DType::bf16, DType::f32, DType::e4m3fn, DType::e4m3fnuz, DType::e2m1};
}
inline std::vector<DType> id_dtypes() { return {DType::i32, DType::i64}; }

inline std::vector<Port> dispatch_inputs() {
  return {{"x", row_dtypes(), {"WS", "M", "H"}},
          {"indices", id_dtypes(), {"WS", "M", "K"}},
          {"weights", {DType::f32}, {"WS", "M", "K"}},
          {"tokens", {DType::i32}, {"WS"}},
          {"scales", {DType::u8}, {"WS", "M", "S"}, true}};
}
inline std::vector<Port> dispatch_outputs() {
  return {{"total_recv", {DType::i32}, {"WS"}},    {"src", {DType::i32}, {"WS", "R"}},
          {"tok", row_dtypes(), {"WS", "R", "H"}}, {"idx", {DType::i32}, {"WS", "R", "K"}},
          {"wts", {DType::f32}, {"WS", "R", "K"}}, {"recv_scales", {DType::u8}, {"WS", "R", "S"}, true}};
}
inline std::vector<StageParameter> dispatch_parameters() {
  return {{"epr"}, {"cap", 0}, {"scale_dim", -1}, {"scale_type_size", -1}};
}
// Columns move together whatever they hold, weights are copied, and rows from m_r on are not looked at.
inline std::vector<Relation> dispatch_relations() {
  return {RowsRelation{"H"}, RowsRelation{"S"}, PowerOfTwoRelation{{{"weights", 1}}, {{"wts", 1}}},
          PaddingRelation{"tokens", {"x", "indices", "weights", "scales"}, {}}};
}

// What combine must know of the dispatch it follows: the routing, and where tokens ended up.
inline std::vector<Port> routing_inputs() {
  return {{"indices", id_dtypes(), {"WS", "M", "K"}},
          {"tokens", {DType::i32}, {"WS"}},
          {"total_recv", {DType::i32}, {"WS"}},
          {"src", {DType::i32}, {"WS", "R"}}};
}

}  // namespace assay::goldens::intranode
