#include "harness/cli/kernel_arguments.h"

#include <algorithm>

#include "harness/pto/literal.h"

namespace assay::cli {
namespace {

using pto::Direction;

std::optional<std::int64_t> integer(const pto::AttrDict& attributes, std::string_view key) {
  const pto::Attribute* attribute = pto::find(attributes, key);
  const auto* value = attribute ? std::get_if<pto::IntAttr>(&attribute->value) : nullptr;
  return value ? std::optional(value->value) : std::nullopt;
}

tl::unexpected<Error> refuse(const KernelPlan& plan, const KernelArgument& argument, const std::string& message) {
  return bad_input_at({plan.module->file, argument.location.line, argument.location.column}, "argument '{}': {}",
                      argument.name, message);
}

Result<std::int64_t> count(const KernelPlan& plan, std::optional<std::int64_t> requested, std::string_view what,
                           std::int64_t most) {
  const std::int64_t value =
      requested ? *requested : integer(plan.module->attributes, "assay." + std::string(what)).value_or(1);
  if (value < 1 || value > most) return bad_input("{} {}, expected 1 to {}", value, what, most);
  return value;
}

// Direction is two bits: 1 read, 2 written.
Direction both(Direction a, Direction b) { return static_cast<Direction>(static_cast<int>(a) | static_cast<int>(b)); }
static_assert(static_cast<int>(Direction::in) == 1 && static_cast<int>(Direction::out) == 2 &&
              static_cast<int>(Direction::inout) == 3);

// What a peer is declared with, until all names are known.
struct Declared {
  std::string peer;
};

Result<void> read_value(const KernelPlan& plan, KernelArgument& argument, std::string_view word) {
  using Source = KernelArgument::Source;
  const auto* type = std::get_if<pto::ScalarType>(&argument.type);
  if (!type || pto::is_float(type->kind) || type->kind == pto::ScalarKind::i1)
    return refuse(plan, argument, "assay.value belongs to an integer");
  if (word == "rank")
    argument.source = Source::rank;
  else if (word == "ranks")
    argument.source = Source::ranks;
  else if (word == "launch")
    argument.source = Source::launch;
  else
    return refuse(plan, argument,
                  fmt::format("assay.value is \"{}\", expected \"rank\", \"ranks\" or \"launch\"", word));
  argument.given = "the " + std::string(word == "ranks" ? "number of ranks" : word);
  return {};
}

Result<void> read_peer(const KernelPlan& plan, KernelArgument& argument, const pto::AttrDict& attributes) {
  argument.peer_rank = integer(attributes, "assay.rank");
  const auto offset = integer(attributes, "assay.rank_offset");
  if (argument.peer_rank.has_value() == offset.has_value())
    return refuse(plan, argument, "assay.peer takes assay.rank or assay.rank_offset");
  if (argument.peer_rank && (*argument.peer_rank < 0 || *argument.peer_rank >= plan.ranks))
    return refuse(plan, argument,
                  fmt::format("points into rank {}, but there {}; give --ranks", *argument.peer_rank,
                              plan.ranks == 1 ? "is one rank" : fmt::format("are {} ranks", plan.ranks)));
  argument.peer_offset = offset.value_or(0);
  return {};
}

Result<Declared> read_attributes(const KernelPlan& plan, KernelArgument& argument, const pto::AttrDict& attributes) {
  Declared declared;
  for (const auto& [key, attribute] : attributes) {
    if (!key.starts_with("assay.")) continue;
    const bool pointers_only = key != "assay.value";
    if (pointers_only != argument.is_pointer)
      return refuse(plan, argument, fmt::format("{} belongs to a {}", key, pointers_only ? "pointer" : "scalar"));
    const auto* text = std::get_if<pto::StringAttr>(&attribute.value);
    const auto* number = std::get_if<pto::IntAttr>(&attribute.value);
    const bool is_value = key == "assay.value";
    const bool is_text = key == "assay.fill" || key == "assay.peer";
    const bool is_number = key == "assay.rank" || key == "assay.rank_offset";
    if (!is_value && !is_text && !is_number && key != "assay.window")
      return refuse(plan, argument, fmt::format("unknown attribute {}", key));
    if (is_text && !text) return refuse(plan, argument, fmt::format("{} is a string", key));
    if (is_number && !number) return refuse(plan, argument, fmt::format("{} is an integer", key));
    if (key == "assay.window") argument.window = true;
    if (key == "assay.fill") argument.given = text->value;
    if (key == "assay.peer") declared.peer = text->value;
    if (is_value && !text && !number) return refuse(plan, argument, "assay.value is a string or an integer");
    if (is_value && number) argument.given = fmt::format("{}", number->value);  // parsed with the user's values
    if (is_value && text)
      if (auto read = read_value(plan, argument, text->value); !read) return tl::unexpected(std::move(read.error()));
  }
  if (!declared.peer.empty()) {
    if (argument.window || !argument.given.empty())
      return refuse(plan, argument, "a pointer into another rank is no window and has no fill of its own");
    if (auto read = read_peer(plan, argument, attributes); !read) return tl::unexpected(std::move(read.error()));
  } else if (pto::find(attributes, "assay.rank") || pto::find(attributes, "assay.rank_offset")) {
    return refuse(plan, argument, "assay.rank and assay.rank_offset belong to assay.peer");
  }
  return declared;
}

Result<void> resolve_peers(KernelPlan& plan, const std::vector<std::string>& peers) {
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (peers[i].empty()) continue;
    KernelArgument& argument = plan.arguments[i];
    const auto target = std::ranges::find(plan.arguments, peers[i], &KernelArgument::name);
    if (target == plan.arguments.end() || !target->is_pointer ||
        !peers[static_cast<std::size_t>(target - plan.arguments.begin())].empty())
      return refuse(plan, argument, fmt::format("assay.peer \"{}\" names no tensor among the arguments", peers[i]));
    if (!(target->type == argument.type))
      return refuse(plan, argument,
                    fmt::format("points into '{}', which is {}", peers[i], pto::to_string(target->type)));
    argument.peer = static_cast<std::size_t>(target - plan.arguments.begin());
    target->direction = both(target->direction, argument.direction);
    argument.given = argument.peer_rank ? fmt::format("'{}' of rank {}", peers[i], *argument.peer_rank)
                                        : fmt::format("'{}', {} ranks further", peers[i], argument.peer_offset);
  }
  return {};
}

}  // namespace

std::vector<std::string> declared_tasks(const pto::Module& module) {
  std::vector<std::string> names;
  const pto::Attribute* attribute = pto::find(module.attributes, "assay.tasks");
  const auto* list = attribute ? std::get_if<pto::ArrayAttr>(&attribute->value) : nullptr;
  if (list)
    for (const pto::Attribute& item : list->items)
      if (const auto* text = std::get_if<pto::StringAttr>(&item.value)) names.push_back(text->value);
  return names;
}

Result<void> decide_counts(KernelPlan& plan, const KernelRequest& request) {
  constexpr std::int64_t kMaxBlocks = 1 << 20, kMaxRanks = 64, kMaxLaunches = 1024;
  const auto blocks = count(plan, request.blocks, "blocks", kMaxBlocks);
  if (!blocks) return tl::unexpected(blocks.error());
  const auto ranks = count(plan, request.ranks, "ranks", kMaxRanks);
  if (!ranks) return tl::unexpected(ranks.error());
  const auto launches = count(plan, request.launches, "launches", kMaxLaunches);
  if (!launches) return tl::unexpected(launches.error());
  plan.blocks = *blocks;
  plan.ranks = *ranks;
  plan.launches = *launches;
  return {};
}

Result<void> join_arguments(KernelPlan& plan) {
  std::vector<std::string> peers;
  for (KernelTask& task : plan.tasks) {
    const pto::Function& function = *task.function;
    const auto directions = pto::argument_directions(*plan.module, function);
    for (std::size_t i = 0; i < function.arguments.size(); ++i) {
      KernelArgument argument;
      argument.name = function.values[function.arguments[i]].name;
      argument.type = function.type(function.arguments[i]);
      argument.location = function.location;
      argument.is_pointer = std::holds_alternative<pto::PtrType>(argument.type);
      argument.direction = directions[i];
      Declared declared;
      if (!function.argument_attributes.empty()) {
        auto read = read_attributes(plan, argument, function.argument_attributes[i]);
        if (!read) return tl::unexpected(std::move(read.error()));
        declared = std::move(*read);
      }
      const auto known = std::ranges::find(plan.arguments, argument.name, &KernelArgument::name);
      task.arguments.push_back(static_cast<std::size_t>(known - plan.arguments.begin()));
      if (known == plan.arguments.end()) {
        plan.arguments.push_back(std::move(argument));
        peers.push_back(std::move(declared.peer));
        continue;
      }
      if (!(known->type == argument.type))
        return refuse(plan, argument,
                      fmt::format("is {} here and {} in an earlier task", pto::to_string(argument.type),
                                  pto::to_string(known->type)));
      if (peers[task.arguments.back()] != declared.peer || known->peer_rank != argument.peer_rank ||
          known->peer_offset != argument.peer_offset || known->source != argument.source)
        return refuse(plan, argument, "stands for something else in an earlier task");
      known->direction = both(known->direction, argument.direction);
      known->window = known->window || argument.window;
      if (known->given.empty()) known->given = argument.given;
    }
  }
  return resolve_peers(plan, peers);
}

}  // namespace assay::cli
