// Runs a stage on a backend twice, over two poison patterns.
#include <algorithm>
#include <chrono>

#include "harness/run/execute.h"
#include "harness/run/guarded.h"

namespace assay::run {
namespace {

using device::RunReport;
using device::RunStatus;

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::span<const std::byte> slice_of(const Tensor& tensor, std::int64_t ranks, std::int64_t rank) {
  const std::size_t bytes = tensor.bytes().size() / static_cast<std::size_t>(ranks);
  return tensor.bytes().subspan(static_cast<std::size_t>(rank) * bytes, bytes);
}

// The stage's memory for one pass: every tensor its tasks touch, poisoned, inputs filled in; one for each rank where
// the tensor has ranks. And its windows as they were before the stage.
class Memory {
 public:
  Memory(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors, const TensorMap& inputs,
         const WindowContents& windows, int pattern)
      : spec_(*stage.spec), inputs_(inputs) {
    std::int64_t ranks = 1;
    for (const ResolvedTask& task : stage.tasks) ranks = std::max(ranks, task.rank + 1);
    for (const ResolvedTensor& tensor : tensors) {
      const bool reads = contains(spec_.inputs, tensor.name), writes = contains(spec_.outputs, tensor.name);
      if (!reads && !writes && !is_argument(stage, tensor.name)) continue;
      ranks = std::max(ranks, tensor.ranks);
      add_tensor(tensor, reads, pattern, stage.offset);
    }
    for (const ResolvedWindow& window : stage.windows)
      if (is_argument(stage, window.name)) add_window(window, windows, pattern);
    for (std::int64_t rank = 0; rank < ranks; ++rank) ranks_.push_back(visible_to(rank));
  }

  Memory(const Memory&) = delete;  // views point into blocks_
  Memory& operator=(const Memory&) = delete;

  bool has_windows() const { return !windows_.empty(); }
  std::span<Tensor* const> storages(std::int64_t rank) const { return view(rank).storages; }
  std::span<const device::Placement> placements(std::int64_t rank) const { return view(rank).placements; }
  device::Argument argument(const ResolvedTask::Argument& argument, const pto::Type& type, std::int64_t rank) const {
    if (!argument.tensor.empty()) {
      const auto [index, block] = view(rank).index.find(argument.tensor)->second;
      // A field begins on whole elements of its type, and so do the bytes that stand before it.
      const std::int64_t width = info(std::get<pto::PtrType>(type).element).bits;
      const Guarded& memory = blocks_[block].memory;
      const std::int64_t front = memory.placement().front + argument.at;
      return device::PointerArgument{index, front * 8 / width};
    }
    if (const auto* integer = std::get_if<std::int64_t>(&argument.scalar)) return *integer;
    return std::get<double>(argument.scalar);
  }
  // As the host sees it: the ranks' parts one after the other.
  Tensor content(const ResolvedTensor& tensor) const {
    Tensor all(tensor.dtype, tensor.shape);
    auto at = all.bytes().begin();
    for (const Block& block : blocks_)
      if (block.name == tensor.name) at = std::copy(block.memory.payload().begin(), block.memory.payload().end(), at);
    return all;
  }
  // What the windows hold now, as the contents of this pattern.
  void keep_windows(WindowContents& contents, int pattern) const {
    for (const std::size_t at : windows_)
      contents[blocks_[at].name][static_cast<std::size_t>(pattern)] = blocks_[at].memory.content();
  }

  // A guard or an input that changed, in words.
  std::string stray_write() const {
    for (const Block& block : blocks_) {
      const std::string whose = block.ranks > 0 ? fmt::format(" of rank {}", block.rank) : "";
      if (const std::string broken = block.memory.broken_guard(); !broken.empty())
        return fmt::format("{} '{}'{}: {}", block.is_window ? "window" : "tensor", block.name, whose, broken);
      if (block.is_window || !contains(spec_.inputs, block.name) || contains(spec_.outputs, block.name)) continue;
      const Tensor& given = inputs_.find(block.name)->second;
      if (!block.memory.content_equals(slice_of(given, std::max<std::int64_t>(block.ranks, 1), block.rank)))
        return fmt::format("input '{}'{} changed", block.name, whose);
    }
    return "";
  }

 private:
  struct Block {
    std::string name;
    std::int64_t ranks, rank;  // of the tensor, 0 where it has none; whose this is
    bool is_window;
    Guarded memory;
  };
  // What a launch on the rank is handed: its own tensors, those that all share, and the windows.
  struct View {
    std::vector<Tensor*> storages;
    std::vector<device::Placement> placements;
    std::map<std::string, std::pair<std::size_t, std::size_t>, std::less<>> index;  // in storages, in blocks_
  };

  static bool is_argument(const ResolvedStage& stage, std::string_view name) {
    return std::any_of(stage.tasks.begin(), stage.tasks.end(), [&](const ResolvedTask& task) {
      return std::any_of(task.arguments.begin(), task.arguments.end(),
                         [&](const ResolvedTask::Argument& argument) { return argument.tensor == name; });
    });
  }

  void add_tensor(const ResolvedTensor& tensor, bool reads, int pattern, std::int64_t offset) {
    Shape shape = tensor.shape;
    if (tensor.ranks > 0) shape.erase(shape.begin());
    const std::int64_t copies = std::max<std::int64_t>(tensor.ranks, 1);
    for (std::int64_t rank = 0; rank < copies; ++rank) {
      blocks_.push_back({tensor.name, tensor.ranks, rank, false, Guarded(tensor.dtype, shape, pattern, offset)});
      if (reads) blocks_.back().memory.set(slice_of(inputs_.at(tensor.name), copies, rank));
    }
  }

  void add_window(const ResolvedWindow& window, const WindowContents& contents, int pattern) {
    windows_.push_back(blocks_.size());
    slices_[window.name] = window.bytes;
    blocks_.push_back({window.name, 0, 0, true, Guarded(DType::u8, {window.ranks * window.bytes}, pattern)});
    Guarded& memory = blocks_.back().memory;
    if (const auto known = contents.find(window.name); known != contents.end())
      return memory.set(known->second[static_cast<std::size_t>(pattern)]);
    Tensor initial = memory.content();
    for (std::int64_t rank = 0; rank < window.ranks; ++rank)
      for (const ResolvedField& field : window.fields)
        if (field.zero)
          std::fill_n(initial.bytes().begin() + rank * window.bytes + field.at, field.bytes, std::byte{0});
    memory.set(initial);
  }

  const View& view(std::int64_t rank) const { return ranks_[static_cast<std::size_t>(rank)]; }

  View visible_to(std::int64_t rank) {
    View view;
    for (std::size_t at = 0; at < blocks_.size(); ++at) {
      Block& block = blocks_[at];
      const bool is_shared = block.is_window || block.ranks == 0;
      if (!is_shared && block.rank != rank) continue;
      view.index[block.name] = {view.storages.size(), at};
      view.storages.push_back(&block.memory.storage());
      view.placements.push_back(block.memory.placement(block.rank, is_shared));
      if (block.is_window) view.placements.back().slice = slices_.find(block.name)->second;
    }
    return view;
  }

  const pipeline::StageSpec& spec_;
  const TensorMap& inputs_;
  std::vector<Block> blocks_;
  std::vector<std::size_t> windows_;                          // in blocks_
  std::map<std::string, std::int64_t, std::less<>> slices_;  // bytes of each window's part
  std::vector<View> ranks_;
};

Result<void> check_inputs(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors,
                          const TensorMap& inputs) {
  for (const std::string& name : stage.spec->inputs) {
    const auto given = inputs.find(name);
    const auto spec =
        std::find_if(tensors.begin(), tensors.end(), [&](const ResolvedTensor& t) { return t.name == name; });
    if (given == inputs.end() || spec == tensors.end())
      return bad_input("stage '{}' has no value for its input '{}'", stage.spec->name, name);
    if (given->second.dtype() != spec->dtype || given->second.shape() != spec->shape)
      return bad_input("input '{}' of stage '{}' is {} {}; expected {} {}", name, stage.spec->name,
                       assay::name(given->second.dtype()), to_string(given->second.shape()), assay::name(spec->dtype),
                       to_string(spec->shape));
  }
  return {};
}

// Contents that an earlier stage left are laid out as this stage's windows are.
Result<void> check_windows(const ResolvedStage& stage, const WindowContents& contents) {
  for (const ResolvedWindow& window : stage.windows)
    if (const auto known = contents.find(window.name); known != contents.end())
      for (const Tensor& content : known->second)
        if (content.size() != window.ranks * window.bytes)
          return internal_error("window '{}' holds {} bytes; stage '{}' gives it {}", window.name, content.size(),
                                stage.spec->name, window.ranks * window.bytes);
  return {};
}

struct Pass {
  RunReport report;
  std::string stray_write;
};

// The stage's first tasks as one graph, so that what a task leaves in the machine's caches is there for the next one
// (seed bug B02). A rank's tasks come one after the other. Ranks that share no window cannot tell whether they run beside
// one another or in turn.
RunReport run_tasks(const ResolvedStage& stage, const Memory& memory, device::Backend& backend,
                    const device::RunOptions& options, std::size_t count) {
  std::vector<device::Task> tasks;
  std::map<std::int64_t, std::size_t> last;  // task of each rank
  for (const ResolvedTask& task : stage.tasks) {
    if (task.index >= count) break;
    const std::size_t at = tasks.size();
    device::Task& node = tasks.emplace_back();
    node.launch.module = task.module.get();
    node.launch.function = task.module->find_function(task.function);
    for (std::size_t i = 0; i < task.arguments.size(); ++i)
      node.launch.arguments.push_back(memory.argument(
          task.arguments[i], node.launch.function->type(node.launch.function->arguments[i]), task.rank));
    node.launch.blocks = task.blocks;
    node.launch.tensors = memory.storages(task.rank);
    node.launch.placements = memory.placements(task.rank);
    node.launch.rank = task.rank;
    if (!memory.has_windows()) {
      if (at > 0) node.after = {at - 1};
    } else if (const auto before = last.find(task.rank); before != last.end()) {
      node.after = {before->second};
    }
    last[task.rank] = at;
  }
  return backend.run_graph(tasks, options);
}

// What a pass starts from.
struct Start {
  const ResolvedStage& stage;
  const std::vector<ResolvedTensor>& tensors;
  const TensorMap& inputs;
  const WindowContents& windows;
};

// The task after which the stray write is there, found by running fewer of them on fresh memory.
std::string writer_of(const Start& start, int pattern, device::Backend& backend, device::RunOptions options) {
  options.tracer = nullptr;
  std::size_t low = 1, high = start.stage.spec->tasks.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const Memory memory(start.stage, start.tensors, start.inputs, start.windows, pattern);
    run_tasks(start.stage, memory, backend, options, middle);
    if (memory.stray_write().empty())
      low = middle + 1;
    else
      high = middle;
  }
  // A task may have no launches in this case.
  const ResolvedTask* writer = nullptr;
  for (const ResolvedTask& task : start.stage.tasks)
    if (task.index < low) writer = &task;
  return writer ? writer->function : "";
}

Pass run_pass(const Start& start, int pattern, const Memory& memory, device::Backend& backend,
              const device::RunOptions& options) {
  Pass pass;
  pass.report = run_tasks(start.stage, memory, backend, options, start.stage.spec->tasks.size());
  if (pass.stray_write = memory.stray_write(); !pass.stray_write.empty())
    pass.stray_write += fmt::format(", written by '{}'", writer_of(start, pattern, backend, options));
  return pass;
}

// 1 where the two passes left different bytes.
std::vector<std::uint8_t> differing_elements(const Tensor& a, const Tensor& b) {
  std::vector<std::uint8_t> differs(static_cast<std::size_t>(a.size()), 0);
  if (std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin())) return differs;
  for (std::int64_t i = 0; i < a.size(); ++i) differs[static_cast<std::size_t>(i)] = a.bits(i) != b.bits(i) ? 1 : 0;
  return differs;
}

}  // namespace

Result<StageOutcome> run_stage(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors,
                               const TensorMap& inputs, device::Backend& backend, const device::RunOptions& options,
                               WindowContents* windows) {
  if (const auto checked = check_inputs(stage, tensors, inputs); !checked) return tl::unexpected(checked.error());
  if (windows)
    if (const auto checked = check_windows(stage, *windows); !checked) return tl::unexpected(checked.error());
  StageOutcome outcome;
  WindowContents before, after;
  if (windows) before = after = *windows;
  const Start start{stage, tensors, inputs, before};
  const auto outputs_of = [&](const Memory& memory) {
    TensorMap outputs;
    for (const ResolvedTensor& tensor : tensors)
      if (contains(stage.spec->outputs, tensor.name)) outputs.emplace(tensor.name, memory.content(tensor));
    return outputs;
  };
  const Memory first(stage, tensors, inputs, before, 0);
  const auto begin = std::chrono::steady_clock::now();
  Pass pass = run_pass(start, 0, first, backend, options);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.report = std::move(pass.report);
  outcome.stray_write = std::move(pass.stray_write);
  outcome.outputs = outputs_of(first);
  if (outcome.report.status != RunStatus::completed) return outcome;
  first.keep_windows(after, 0);

  device::RunOptions again = options;
  again.poison_seed += 1;
  again.tracer = nullptr;
  const Memory second(stage, tensors, inputs, before, 1);
  Pass repeated = run_pass(start, 1, second, backend, again);
  if (outcome.stray_write.empty()) outcome.stray_write = std::move(repeated.stray_write);
  if (repeated.report.status != RunStatus::completed) {
    outcome.report.status = repeated.report.status;
    outcome.report.reason = std::move(repeated.report.reason);
    outcome.report.diagnostics = std::move(repeated.report.diagnostics);
    return outcome;
  }
  second.keep_windows(after, 1);
  const TensorMap outputs = outputs_of(second);
  for (const auto& [name, value] : outcome.outputs)
    outcome.unwritten.emplace(name, differing_elements(value, outputs.find(name)->second));
  if (windows) *windows = std::move(after);
  return outcome;
}

}  // namespace assay::run
