// The device program's text: harness/device/tileops/*.cl behind abi.h.
#pragma once

#include <string_view>

namespace assay::device {

std::string_view device_source();

}  // namespace assay::device
