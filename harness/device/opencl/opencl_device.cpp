#include "harness/device/opencl/opencl_device.h"

#include "harness/device/opencl/device_source.h"

namespace assay::device {
namespace {

// Elements a work-item holds at a time: enough for a CPU's vector unit, one where lanes are work-items.
constexpr int kCpuChunk = 128;
constexpr std::size_t kGpuWorkItems = 64;

std::string build_options(const DeviceFacts& facts, std::size_t work_items) {
  std::string options =
      fmt::format("-cl-std=CL1.2 -DASSAY_WIDTH={} -DASSAY_CHUNK={}", work_items, work_items == 1 ? kCpuChunk : 1);
  if (facts.exact_division) options += " -cl-fp32-correctly-rounded-divide-sqrt";
  return options;
}

std::string build_log(cl_program program, cl_device_id device) {
  std::size_t size = 0;
  clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size, '\0');
  clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  return log;
}

Result<ClKernel> kernel(cl_program program, const char* name) {
  cl_int status = CL_SUCCESS;
  ClKernel made(clCreateKernel(program, name, &status));
  if (auto ok = check(status, "clCreateKernel"); !ok) return tl::unexpected(ok.error());
  return made;
}

Result<BuiltProgram> build(cl_context context, const DeviceFacts& facts, const std::string& source,
                           const std::string& options) {
  cl_int status = CL_SUCCESS;
  const char* text = source.c_str();
  const std::size_t length = source.size();
  BuiltProgram built;
  built.program = ClProgram(clCreateProgramWithSource(context, 1, &text, &length, &status));
  if (auto ok = check(status, "clCreateProgramWithSource"); !ok) return tl::unexpected(ok.error());
  status = clBuildProgram(built.program.get(), 1, &facts.device, options.c_str(), nullptr, nullptr);
  if (status != CL_SUCCESS)
    return internal_error("the device program does not build (OpenCL error {}): {}", status,
                          build_log(built.program.get(), facts.device));
  auto start = kernel(built.program.get(), "assay_start"), run = kernel(built.program.get(), "assay_run");
  if (!start) return tl::unexpected(start.error());
  if (!run) return tl::unexpected(run.error());
  built.start = std::move(*start);
  built.run = std::move(*run);
  return built;
}

}  // namespace

Result<std::unique_ptr<OpenclDevice>> OpenclDevice::open(const OpenclOptions& options) {
  auto facts = select_device(options.device);
  if (!facts) return tl::unexpected(facts.error());
  auto device = std::make_unique<OpenclDevice>();
  device->options_ = options;
  device->facts_ = *facts;
  device->work_items_ = options.work_items ? options.work_items : facts->is_cpu ? 1 : kGpuWorkItems;
  if (device->work_items_ > facts->max_work_group)
    return unavailable("{} work-items asked for, the device has {}", device->work_items_, facts->max_work_group);
  cl_int status = CL_SUCCESS;
  device->context_ = ClContext(clCreateContext(nullptr, 1, &facts->device, nullptr, nullptr, &status));
  if (status != CL_SUCCESS) return unavailable("{}: no context (OpenCL error {})", facts->device_name, status);
  device->queue_ =
      ClQueue(clCreateCommandQueue(device->context_.get(), facts->device, CL_QUEUE_PROFILING_ENABLE, &status));
  if (status != CL_SUCCESS) return unavailable("{}: no command queue (OpenCL error {})", facts->device_name, status);
  return device;
}

Result<const BuiltProgram*> OpenclDevice::program(bool contract) {
  BuiltProgram& slot = programs_[contract];
  if (slot.program) return &slot;
  std::string source = fmt::format("#pragma OPENCL FP_CONTRACT {}\n{}", contract ? "ON" : "OFF", device_source());
  if (options_.source_edit) source = options_.source_edit(std::move(source));
  auto built = build(context_.get(), facts_, source, build_options(facts_, work_items_));
  if (!built) return tl::unexpected(built.error());
  slot = std::move(*built);
  return &slot;
}

}  // namespace assay::device
