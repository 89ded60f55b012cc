#include "harness/device/opencl/select_device.h"

#include <vector>

namespace assay::device {
namespace {

std::string text_of(cl_platform_id platform, cl_platform_info what) {
  std::size_t size = 0;
  if (clGetPlatformInfo(platform, what, 0, nullptr, &size) != CL_SUCCESS || size == 0) return {};
  std::string text(size, '\0');
  clGetPlatformInfo(platform, what, size, text.data(), nullptr);
  text.resize(text.find('\0'));
  return text;
}

std::string text_of(cl_device_id device, cl_device_info what) {
  std::size_t size = 0;
  if (clGetDeviceInfo(device, what, 0, nullptr, &size) != CL_SUCCESS || size == 0) return {};
  std::string text(size, '\0');
  clGetDeviceInfo(device, what, size, text.data(), nullptr);
  text.resize(text.find('\0'));
  return text;
}

template <class T>
T value_of(cl_device_id device, cl_device_info what) {
  T value{};
  clGetDeviceInfo(device, what, sizeof value, &value, nullptr);
  return value;
}

// "OpenCL 1.2 ..." or later.
bool recent(std::string_view version) {
  constexpr std::string_view prefix = "OpenCL ";
  if (!version.starts_with(prefix) || version.size() < prefix.size() + 3) return false;
  const char major = version[prefix.size()], minor = version[prefix.size() + 2];
  return major > '1' || (major == '1' && minor >= '2');
}

std::vector<DeviceFacts> list_devices() {
  std::vector<DeviceFacts> found;
  cl_uint platforms = 0;
  if (clGetPlatformIDs(0, nullptr, &platforms) != CL_SUCCESS) return found;
  std::vector<cl_platform_id> ids(platforms);
  clGetPlatformIDs(platforms, ids.data(), nullptr);
  for (const cl_platform_id platform : ids) {
    cl_uint devices = 0;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &devices) != CL_SUCCESS) continue;
    std::vector<cl_device_id> device_ids(devices);
    clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, devices, device_ids.data(), nullptr);
    for (const cl_device_id device : device_ids) {
      DeviceFacts facts;
      facts.platform = platform;
      facts.device = device;
      facts.platform_name = text_of(platform, CL_PLATFORM_NAME);
      facts.device_name = text_of(device, CL_DEVICE_NAME);
      facts.version = text_of(platform, CL_PLATFORM_VERSION);
      if (!recent(text_of(device, CL_DEVICE_VERSION)) || !value_of<cl_bool>(device, CL_DEVICE_COMPILER_AVAILABLE) ||
          !value_of<cl_bool>(device, CL_DEVICE_AVAILABLE))
        continue;
      found.push_back(facts);
    }
  }
  return found;
}

void query(DeviceFacts& facts) {
  const cl_device_id device = facts.device;
  facts.is_cpu = value_of<cl_device_type>(device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU;
  facts.compute_units = value_of<cl_uint>(device, CL_DEVICE_MAX_COMPUTE_UNITS);
  facts.max_work_group = value_of<std::size_t>(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
  facts.max_allocation = value_of<cl_ulong>(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  facts.global_memory = value_of<cl_ulong>(device, CL_DEVICE_GLOBAL_MEM_SIZE);
  const auto floats = value_of<cl_device_fp_config>(device, CL_DEVICE_SINGLE_FP_CONFIG);
  facts.subnormals = floats & CL_FP_DENORM;
  facts.exact_division = floats & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT;
  facts.fma = floats & CL_FP_FMA;
}

bool matches(const DeviceFacts& facts, std::string_view wanted) {
  const std::size_t colon = wanted.find(':');
  const std::string_view device = colon == std::string_view::npos ? "" : wanted.substr(colon + 1);
  return facts.platform_name.find(wanted.substr(0, colon)) != std::string::npos &&
         facts.device_name.find(device) != std::string::npos;
}

}  // namespace

Result<DeviceFacts> select_device(std::string_view wanted) {
  std::vector<DeviceFacts> found = list_devices();
  if (found.empty()) return unavailable("no OpenCL 1.2 device: no platform is installed, or none has one");
  std::string listed;
  constexpr cl_device_type kPreferred[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_CPU, CL_DEVICE_TYPE_ALL};
  for (const cl_device_type type : kPreferred)
    for (DeviceFacts& facts : found)
      if ((value_of<cl_device_type>(facts.device, CL_DEVICE_TYPE) & type) && matches(facts, wanted)) {
        query(facts);
        return facts;
      }
  for (const DeviceFacts& facts : found)
    listed += (listed.empty() ? "" : ", ") + facts.platform_name + ":" + facts.device_name;
  return unavailable("no OpenCL device matches '{}'; there are: {}", wanted, listed);
}

}  // namespace assay::device
