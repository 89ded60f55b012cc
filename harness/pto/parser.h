// The recursive-descent parser behind reader.h; nothing else includes this. Every parse_* function returns false after
// recording the first error, and leaves the current token at the first token it did not consume otherwise.
#pragma once

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "harness/pto/ir.h"
#include "harness/pto/lexer.h"
#include "harness/pto/reader.h"

namespace assay::pto {

enum class ViewHint : std::uint8_t { tensor, partition };  // what an elided `<?x4xf32>` means here

class Parser {
 public:
  Parser(std::string_view text, std::string_view file, std::vector<Warning>* warnings);
  // On success the module is complete but for file and source.
  bool parse_file(Module& module);
  Error take_error() { return std::move(error_); }

 private:
  struct Use {
    ValueId id = 0;
    std::size_t offset = 0;
  };
  struct ResultName {
    std::string name;
    std::size_t offset = 0;
  };
  struct Scope {
    std::size_t mark;
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  class Nested;

  // ---- cursor (parser.cpp)
  void advance() { token_ = lexer_.next(); }
  bool at(char c) const { return token_.is(c); }
  bool at_word(std::string_view word) const { return token_.is_word(word); }
  bool at_text(std::string_view text) const { return token_.kind == TokenKind::text && token_.text == text; }
  bool accept(char c);
  bool accept(std::string_view punctuation);
  bool accept_word(std::string_view word);
  bool expect(char c, std::string_view where);
  bool expect(std::string_view punctuation, std::string_view where);
  bool expect_word(std::string_view word, std::string_view where);
  bool fail(std::size_t offset, std::string message);
  bool fail_found(std::string_view expected);
  std::string found() const;
  void warn(std::size_t offset, std::string message);
  Location location(std::size_t offset) const;
  bool parse_int(std::int64_t& value, std::string_view what);
  bool skip_location();                      // [loc(...)]
  bool skip_balanced(std::string& content);  // current token opens a bracket; content excludes the brackets

  // ---- module and functions (parser.cpp)
  bool parse_top_level(Module& module, bool in_module);
  bool parse_module(Module& module);
  bool parse_type_alias();
  bool parse_attribute_alias();
  bool parse_function(Module& module);
  bool parse_function_arguments(Function& function, std::vector<ResultName>& names);
  bool parse_function_results(Function& function);
  bool parse_function_body(Function& function, const std::vector<ResultName>& names);
  bool begin_function(Function& function, const std::vector<ResultName>& names);
  bool end_function(Function& function);

  // ---- types (parser_types.cpp)
  bool parse_type(Type& type, ViewHint hint = ViewHint::tensor);
  bool parse_named_type(Type& type);
  bool parse_elided_type(Type& type, ViewHint hint);
  bool parse_builtin_type(Type& type);
  bool parse_opaque_type(Type& type, std::size_t begin);
  bool parse_dimensions(std::vector<std::int64_t>& shape);
  bool parse_element(DType& element);
  bool parse_ptr_rest(Type& type);
  bool parse_view_rest(Type& type, bool partition);
  bool parse_tile_rest(Type& type);
  bool parse_tile_entry(TileType& tile, unsigned& seen, std::string_view key, std::size_t offset);
  bool parse_extent(std::int64_t& extent);
  bool parse_local_array_rest(Type& type);
  bool parse_multi_tile_rest(Type& type);
  bool parse_vector(Type& type);
  bool parse_type_list(std::vector<Type>& types);  // "(" types ")" or one type
  bool parse_function_type(std::vector<Type>& arguments, std::vector<Type>& results);

  // ---- attributes (parser_attributes.cpp)
  bool parse_attr_dict(AttrDict& attributes);
  bool parse_optional_attr_dict(AttrDict& attributes);
  bool parse_attribute(Attribute& attribute);
  bool parse_number_attribute(Attribute& attribute);
  bool parse_hash_attribute(Attribute& attribute);
  bool parse_angle_attribute(EnumAttr& attribute);
  bool parse_word_attribute(Attribute& attribute);
  bool parse_typed_array(Attribute& attribute);
  bool parse_nested_dict(Attribute& attribute);
  bool typed_number(const Token& literal, std::optional<ScalarKind> kind, Attribute& attribute);

  // ---- values (parser_operations.cpp)
  bool parse_use(Use& use);
  bool parse_uses_in_brackets(std::vector<Use>& uses);
  bool check_use_type(const Use& use, const Type& type, std::size_t offset);
  bool parse_use_types(const std::vector<Use>& uses);  // types of all uses, comma-separated
  bool parse_use_type(const Use& use);
  ValueId make_value(std::string name, Type type, std::size_t offset);
  bool define(const ResultName& name, const Type& type, ValueId& id);
  bool define_results(Operation& operation, const std::vector<ResultName>& names, const std::vector<Type>& types);
  Scope open_scope() { return {scope_names_.size()}; }
  void close_scope(Scope scope);
  static void add_segment(Operation& operation, const std::vector<Use>& uses);

  // ---- operations (parser_operations.cpp)
  bool parse_operation(Region& region);
  bool parse_result_names(std::vector<ResultName>& names);
  bool resolve_operation(std::string_view name, std::size_t offset, const OpInfo*& info);
  bool refuse_operation(std::string_view name, std::size_t offset);
  bool parse_body(const OpInfo& info, bool subset, Operation& operation, std::vector<Type>& results);
  bool parse_region(Region& region, OpCode parent, const std::vector<ResultName>& arguments,
                    const std::vector<Type>& argument_types);
  bool parse_block_arguments(std::vector<ResultName>& names, std::vector<Type>& types);
  void close_region(Region& region, OpCode parent, std::size_t offset);
  void check_attributes(const Operation& operation, std::size_t offset);

  // ---- arith (parser_arith.cpp)
  bool parse_arith(Operation& operation, std::vector<Type>& results);
  bool parse_constant(Operation& operation, std::vector<Type>& results);
  bool parse_compare(Operation& operation, std::vector<Type>& results);
  bool parse_cast(Operation& operation, std::vector<Type>& results);
  bool parse_arith_flags(AttrDict& attributes);

  // ---- control (parser_control.cpp)
  bool parse_control(Operation& operation, std::vector<Type>& results);
  bool parse_for(Operation& operation, std::vector<Type>& results);
  bool parse_if(Operation& operation, std::vector<Type>& results);
  bool parse_while(Operation& operation, std::vector<Type>& results);
  bool parse_call(Operation& operation, std::vector<Type>& results);
  bool parse_values_and_types(Operation& operation);
  bool parse_initial_values(std::vector<ResultName>& names, std::vector<Use>& uses);

  // ---- views (parser_views.cpp)
  bool parse_view_operation(bool subset, Operation& operation, std::vector<Type>& results);
  bool parse_make_tensor_view(Operation& operation, std::vector<Type>& results);
  bool parse_partition_view(Operation& operation, const Use& view, std::vector<Type>& results);
  bool parse_subview(bool subset, Operation& operation, std::vector<Type>& results);
  bool parse_extent_type(const std::vector<Use>& extents);
  bool parse_alloc_tile(Operation& operation, std::vector<Type>& results);
  bool parse_multi_tile_get(Operation& operation, std::vector<Type>& results);
  bool parse_extent_query(Operation& operation, std::vector<Type>& results);
  bool parse_reinterpret(Operation& operation, std::vector<Type>& results);
  bool parse_addptr(Operation& operation, std::vector<Type>& results);
  bool parse_scalar_memory(Operation& operation, std::vector<Type>& results);
  bool parse_tile_element(Operation& operation, std::vector<Type>& results);
  bool parse_local_array(Operation& operation, std::vector<Type>& results);
  bool merge_attributes(AttrDict& into, AttrDict&& from, std::size_t offset);

  // ---- tile operations (parser_tile.cpp)
  bool parse_tile_operation(Operation& operation);
  bool parse_operands(std::vector<Use>& uses, AttrDict& attributes);
  bool parse_operand_group(std::vector<Use>& uses, AttrDict& attributes);

  // ---- rings and communication (parser_pipe.cpp)
  bool parse_pipe(Operation& operation, std::vector<Type>& results);
  bool parse_initialize_pipe(Operation& operation);
  bool parse_uses_in_parentheses(std::vector<Use>& uses);
  bool parse_trailing_attributes(Operation& operation);
  bool parse_comm(Operation& operation, std::vector<Type>& results);
  bool parse_comm_result(const Operation& operation, std::vector<Type>& results);
  bool segment_comm(Operation& operation, const std::vector<Use>& plain, const std::vector<Use>& staging,
                    const std::vector<Use>& group, std::size_t offset);
  bool parse_syncall(Operation& operation);

  // ---- synchronisation (parser_sync.cpp)
  bool parse_sync(Operation& operation);
  bool parse_bracketed_sync(Operation& operation);
  bool parse_cache_invalidate(Operation& operation);
  bool parse_sync_item(Operation& operation, std::string_view key, std::vector<Use>& dynamic);

  // ---- generic form (parser_generic.cpp)
  bool parse_generic(const OpInfo& info, Operation& operation, std::vector<Type>& results);
  bool parse_generic_regions(std::vector<Region>& regions, OpCode parent);
  bool parse_generic_properties(AttrDict& attributes);
  bool segment_generic(const OpInfo& info, Operation& operation, const std::vector<Type>& results, std::size_t offset);
  bool normalise_attributes(Operation& operation, const std::vector<Type>& results, std::size_t offset);
  bool parse_generic_function(Module& module);
  bool parse_generic_module(Module& module);

  std::string_view text_;
  std::string file_;
  std::vector<Warning>* warnings_;
  Lexer lexer_;
  Token token_;
  std::set<std::string> warned_;  // each message once
  std::vector<std::size_t> line_starts_;
  Error error_;
  bool failed_ = false;
  int depth_ = 0;
  std::size_t operations_ = 0;
  std::unordered_set<std::string> function_names_;

  Function* function_ = nullptr;
  std::unordered_map<std::string, ValueId, NameHash, std::equal_to<>> names_;
  std::vector<std::string> scope_names_;
  std::vector<std::size_t> definitions_;  // offset of each value's definition
  std::vector<bool> inferred_;            // type came from the operands, not the text: its first use may refine it
  bool result_inferred_ = false;          // of the operation being parsed
  std::unordered_map<std::string, Type, NameHash, std::equal_to<>> type_aliases_;
  std::vector<Type> attribute_results_;  // results of the last function type read as an attribute
};

// Counts one level of nesting for as long as it lives; not ok() when there are too many.
class Parser::Nested {
 public:
  explicit Nested(Parser& parser) : parser_(parser) { ++parser_.depth_; }
  ~Nested() { --parser_.depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  bool ok() const {
    if (parser_.depth_ <= kMaxNesting) return true;
    return parser_.fail(parser_.token_.offset, fmt::format("nested more than {} levels deep", kMaxNesting));
  }

 private:
  Parser& parser_;
};

}  // namespace assay::pto
