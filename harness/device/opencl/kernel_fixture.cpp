#include "harness/device/opencl/kernel_fixture.h"

#include <fmt/format.h>

#include <set>

namespace assay::device {
namespace {

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

std::string view_of(const TileSpec& tile, const std::string& pointer) {
  return fmt::format(
      "    %{0}_r = arith.constant {2} : index\n    %{0}_c = arith.constant {3} : index\n"
      "    %{0}_v = pto.make_tensor_view %{1}, shape = [%{0}_r, %{0}_c], strides = [%{0}_c, %one] : "
      "!pto.tensor_view<?x?x{4}>\n"
      "    %{0}_p = pto.partition_view %{0}_v, offsets = [%zero, %zero], sizes = [%{0}_r, %{0}_c] : "
      "!pto.tensor_view<?x?x{4}> -> !pto.partition_tensor_view<{2}x{3}x{4}>\n",
      pointer, pointer, tile.vr(), tile.vc(), tile.element);
}

}  // namespace

std::string tile_kernel(const std::vector<TileSpec>& ins, const std::vector<TileSpec>& outs, std::string body) {
  std::string arguments, text, stores;
  std::set<std::string> allocated;
  std::vector<TileSpec> longest_first;
  const auto add = [&](const TileSpec& tile, bool store) {
    const std::string pointer = (store ? "out_" : "in_") + tile.name;
    arguments += fmt::format("{}%{}: !pto.ptr<{}>", arguments.empty() ? "" : ", ", pointer, tile.element);
    text += view_of(tile, pointer);
    if (allocated.insert(tile.name).second) {
      longest_first.push_back(tile);
      if (tile.address >= 0) text += fmt::format("    %a_{0} = arith.constant {1} : i64\n", tile.name, tile.address);
      text += fmt::format("    %{0} = pto.alloc_tile {1}: {2}\n", tile.name,
                          tile.address >= 0 ? fmt::format("addr = %a_{} ", tile.name) : "", tile.type());
    }
    const std::string part = fmt::format("!pto.partition_tensor_view<{}x{}x{}>", tile.vr(), tile.vc(), tile.element);
    if (store)
      stores +=
          fmt::format("    pto.tstore ins(%{0} : {1}) outs(%{2}_p : {3})\n", tile.name, tile.type(), pointer, part);
    else
      text += fmt::format("    pto.tload ins(%{2}_p : {3}) outs(%{0} : {1})\n", tile.name, tile.type(), pointer, part);
  };
  for (const TileSpec& tile : ins) add(tile, false);
  for (const TileSpec& tile : outs) add(tile, true);
  std::sort(longest_first.begin(), longest_first.end(),
            [](const TileSpec& a, const TileSpec& b) { return a.name.size() > b.name.size(); });
  for (const TileSpec& tile : longest_first) replace_all(body, "$" + tile.name, tile.type());
  return "module {\n  func.func @k(" + arguments +
         ") {\n    %zero = arith.constant 0 : index\n    %one = arith.constant 1 : index\n" + text + body + "\n" +
         stores + "    return\n  }\n}\n";
}

}  // namespace assay::device
