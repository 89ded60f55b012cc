// Generate, run and verify apart, joined by a folder of .npy files and manifests (design.md section 3).
#include <algorithm>
#include <set>

#include "harness/core/manifest.h"
#include "harness/run/executor_state.h"

namespace assay::run {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnwritten = ".unwritten";  // suffix of the masks beside a backend's outputs

// "process:./run {bundle}" is no folder name.
std::string folder_name(std::string_view backend) {
  std::string name(backend.substr(0, 64));
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '_');
  return name;
}

Result<Case> case_of(const fs::path& inputs) {
  const auto manifest = read_manifest(inputs);
  if (!manifest) return tl::unexpected(manifest.error());
  const auto line = manifest->metadata.find("case");
  if (line == manifest->metadata.end())
    return bad_input("{}: the metadata have no 'case'; expected a replay line", (inputs / kManifestFile).string());
  return parse_replay(line->second);
}

Result<void> write_outputs(const fs::path& directory, const Subject& subject, const PreparedCase& prepared,
                           const std::map<std::string, std::vector<std::uint8_t>>& unwritten) {
  TensorMap tensors;
  Roles roles;
  for (const pipeline::StageSpec& stage : prepared.pipeline->stages)
    for (const std::string& output : stage.outputs) {
      const auto value = subject.values.find(output);
      if (value == subject.values.end()) continue;
      tensors.insert(*value);
      roles[output] = "output";
    }
  for (const auto& [output, mask] : unwritten) {
    if (std::find(mask.begin(), mask.end(), 1) == mask.end()) continue;
    Tensor tensor(DType::u8, {static_cast<std::int64_t>(mask.size())});
    std::copy(mask.begin(), mask.end(), tensor.as<std::uint8_t>().begin());
    tensors.emplace(output + std::string(kUnwritten), std::move(tensor));
    roles[output + std::string(kUnwritten)] = "unwritten";
  }
  const Metadata metadata{{"case", replay_line(prepared.c)},
                          {"backend", subject.name},
                          {"status", subject.result.status},
                          {"reason", subject.result.reason}};
  const auto written = write_tensors(directory, tensors, roles, metadata);
  return written ? Result<void>() : tl::unexpected(written.error());
}

// A backend's folder holds a tensor once, so of an inout that several stages update only what the last one left.
Result<void> check_one_writer(const pipeline::Pipeline& pipeline) {
  std::set<std::string> written;
  for (const pipeline::StageSpec& stage : pipeline.stages)
    for (const std::string& output : stage.outputs)
      if (!written.insert(output).second)
        return bad_input("'{}' of pipeline '{}' is updated by several stages: it cannot be run and verified apart",
                         output, pipeline.name);
  return {};
}

std::string_view get(const Metadata& metadata, std::string_view key, std::string_view otherwise) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? otherwise : std::string_view(found->second);
}

// What a device owner brought back.
struct Answers {
  TensorMap tensors;
  Metadata metadata;
};

Result<Answers> read_answers(const fs::path& directory) {
  const auto manifest = read_manifest(directory);
  if (!manifest) return tl::unexpected(manifest.error());
  auto tensors = read_tensors(directory);
  if (!tensors) return tl::unexpected(tensors.error());
  return Answers{std::move(*tensors), manifest->metadata};
}

Result<StageOutcome> outcome_from(const Answers& answers, const pipeline::StageSpec& stage,
                                  const std::vector<ResolvedTensor>& specs, const Subject& subject) {
  StageOutcome outcome;
  for (const std::string& output : stage.outputs) {
    const auto value = answers.tensors.find(output);
    if (value == answers.tensors.end()) {
      // Not all stages were run: the status says why, and without one the files are incomplete.
      const auto status = device::parse_run_status(get(answers.metadata, "status", "error"));
      outcome.report.status = status.value_or(device::RunStatus::error);
      if (outcome.report.status == device::RunStatus::completed) outcome.report.status = device::RunStatus::error;
      outcome.report.reason = get(answers.metadata, "reason", "");
      if (outcome.report.reason.empty()) outcome.report.reason = fmt::format("output '{}' is missing", output);
      return outcome;
    }
    const auto spec =
        std::find_if(specs.begin(), specs.end(), [&](const ResolvedTensor& t) { return t.name == output; });
    if (value->second.dtype() != spec->dtype || value->second.shape() != spec->shape)
      return bad_input("output '{}' of {} is {} {}; expected {} {}", output, subject.name, name(value->second.dtype()),
                       to_string(value->second.shape()), name(spec->dtype), to_string(spec->shape));
    outcome.outputs.insert(*value);
    if (const auto mask = answers.tensors.find(output + std::string(kUnwritten)); mask != answers.tensors.end()) {
      if (mask->second.dtype() != DType::u8 || mask->second.size() != value->second.size())
        return bad_input("the mask '{}' of {} is {} {}; expected u8 of {} elements", mask->first, subject.name,
                         name(mask->second.dtype()), to_string(mask->second.shape()), value->second.size());
      const auto elements = mask->second.as<std::uint8_t>();
      outcome.unwritten.emplace(output, std::vector<std::uint8_t>(elements.begin(), elements.end()));
    }
  }
  return outcome;
}

Result<std::vector<fs::path>> output_folders(const fs::path& directory) {
  std::vector<fs::path> folders;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(directory / "outputs", code)) {
    if (!entry.is_directory(code)) continue;
    // Passing over what somebody brought back would leave it unjudged and unmentioned.
    if (!fs::exists(entry.path() / kManifestFile))
      return bad_input("{} has no {}; expected one beside its .npy files", entry.path().string(), kManifestFile);
    folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty())
    return bad_input("{} holds no outputs; expected outputs/BACKEND/{}", directory.string(), kManifestFile);
  return folders;
}

// The folder holds one set of inputs.
Result<void> check_once(const PreparedCase& prepared) {
  if (prepared.invocations == 1) return {};
  return bad_input("a case of {} invocations cannot be generated, run and verified apart", prepared.invocations);
}

}  // namespace

Result<void> Executor::write_inputs(const Case& c, const fs::path& directory) {
  const auto prepared = state_->prepare(c);
  if (!prepared) return tl::unexpected(prepared.error());
  if (const auto one = check_one_writer(*prepared->pipeline); !one) return tl::unexpected(one.error());
  if (const auto once = check_once(*prepared); !once) return tl::unexpected(once.error());
  const auto inputs = make_inputs(*prepared->pipeline, c, prepared->bindings);
  if (!inputs) return tl::unexpected(inputs.error());
  const auto written = write_tensors(directory / "inputs", *inputs, {}, {{"case", replay_line(c)}, {"id", case_id(c)}});
  return written ? Result<void>() : tl::unexpected(written.error());
}

Result<std::vector<BackendResult>> Executor::run_from(const fs::path& directory) {
  const auto c = case_of(directory / "inputs");
  if (!c) return tl::unexpected(c.error());
  const auto prepared = state_->prepare(*c);
  if (!prepared) return tl::unexpected(prepared.error());
  if (const auto one = check_one_writer(*prepared->pipeline); !one) return tl::unexpected(one.error());
  if (const auto once = check_once(*prepared); !once) return tl::unexpected(once.error());
  const auto inputs = read_tensors(directory / "inputs");
  if (!inputs) return tl::unexpected(inputs.error());
  CaseRun backends(*prepared, state_->options.contract_fma);
  if (const auto added = state_->add_backends(*prepared, *inputs, backends); !added)
    return tl::unexpected(added.error());
  std::vector<BackendResult> results = backends.skipped();
  for (Subject& subject : backends.subjects()) {
    std::map<std::string, std::vector<std::uint8_t>> unwritten;
    if (const auto done = state_->run_without_golden(*prepared, subject, unwritten); !done)
      return tl::unexpected(done.error());
    const fs::path folder = directory / "outputs" / folder_name(subject.name);
    if (const auto written = write_outputs(folder, subject, *prepared, unwritten); !written)
      return tl::unexpected(written.error());
    results.push_back(subject.result);
  }
  return results;
}

Result<CaseResult> Executor::verify(const fs::path& directory) {
  const auto c = case_of(directory / "inputs");
  if (!c) return tl::unexpected(c.error());
  const auto prepared = state_->prepare(*c);
  if (!prepared) return tl::unexpected(prepared.error());
  if (const auto one = check_one_writer(*prepared->pipeline); !one) return tl::unexpected(one.error());
  if (const auto once = check_once(*prepared); !once) return tl::unexpected(once.error());
  const auto inputs = read_tensors(directory / "inputs");
  if (!inputs) return tl::unexpected(inputs.error());
  const auto folders = output_folders(directory);
  if (!folders) return tl::unexpected(folders.error());
  CaseRun run(*prepared, state_->options.contract_fma);
  std::map<std::string, Answers> answers;
  for (const fs::path& folder : *folders) {
    auto read = read_answers(folder);
    if (!read) return tl::unexpected(read.error());
    std::string name(get(read->metadata, "backend", folder.filename().string()));
    run.add_subject(name, nullptr, *inputs);
    answers.insert_or_assign(std::move(name), std::move(*read));
  }
  for (const pipeline::StageSpec& stage : prepared->pipeline->stages) {
    const auto source = [&](const pipeline::StageSpec& spec, const TensorMap&, Subject& subject) {
      return outcome_from(answers.at(subject.name), spec, prepared->tensors, subject);
    };
    if (const auto done = run.run_stage(stage, source); !done) return tl::unexpected(done.error());
  }
  return run.finish();
}

}  // namespace assay::run
