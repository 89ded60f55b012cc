// write_oracle_samples DIR: operands and what the goldens make of them, as raw little-endian arrays for
// oracle_ml_dtypes.py. Nearest even, NONSAT; one byte a code for formats of up to 8 bits.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "goldens/formats/integer.h"
#include "goldens/formats/oracle_samples.h"
#include "goldens/quantize/int8.h"

namespace assay::goldens {
namespace {

class Writer {
 public:
  explicit Writer(std::filesystem::path folder) : folder_(std::move(folder)) {}
  template <class T>
  void write(const std::string& name, const std::vector<T>& values) {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
    good_ = good_ && file.good();
  }
  bool good() const { return good_; }

 private:
  std::filesystem::path folder_;
  bool good_ = true;
};

template <class Code, class Float>
std::vector<Code> codes(DType dtype, const std::vector<Float>& x) {
  std::vector<Code> y;
  for (const Float each : x) y.push_back(static_cast<Code>(encode(dtype, each, Rounding::rint, {})));
  return y;
}

void write_formats(Writer& writer) {
  const std::vector<float> x = oracle_operands();
  const std::vector<double> wide = oracle_doubles();
  writer.write("x.f32", x);
  writer.write("x.f64", wide);
  for (const DType dtype : kNarrowFormats) {
    const std::string name(assay::name(dtype));
    std::vector<float> values;
    for (std::uint32_t code = 0; code < 2 * binary_format(dtype).sign_bit(); ++code)
      values.push_back(decode(dtype, code));
    writer.write(name + ".values", values);
    if (info(dtype).bits == 16) {
      writer.write(name + ".from_f32", codes<std::uint16_t>(dtype, x));
      writer.write(name + ".from_f64", codes<std::uint16_t>(dtype, wide));
    } else {
      writer.write(name + ".from_f32", codes<std::uint8_t>(dtype, x));
      writer.write(name + ".from_f64", codes<std::uint8_t>(dtype, wide));
    }
  }
  writer.write("f32.from_f64", codes<std::uint32_t>(DType::f32, wide));
  std::vector<std::int32_t> integers(x.size());
  to_integers(x, Rounding::rint, integers);
  writer.write("i32.from_f32", integers);
}

// Sums and products of bf16 patterns, each rounded to float32 and then to bf16.
void write_arithmetic(Writer& writer) {
  FloatSamples samples(33);
  std::vector<std::uint16_t> a, b, sum, product;
  for (int i = 0; i < 200000; ++i) {
    a.push_back(static_cast<std::uint16_t>(encode(DType::bf16, samples.any(), Rounding::trunc, {})));
    b.push_back(static_cast<std::uint16_t>(encode(DType::bf16, samples.any(), Rounding::trunc, {})));
    const float x = decode(DType::bf16, a.back()), y = decode(DType::bf16, b.back());
    sum.push_back(static_cast<std::uint16_t>(encode(DType::bf16, x + y, Rounding::rint, {})));
    product.push_back(static_cast<std::uint16_t>(encode(DType::bf16, x * y, Rounding::rint, {})));
  }
  writer.write("bf16.a", a);
  writer.write("bf16.b", b);
  writer.write("bf16.sum", sum);
  writer.write("bf16.product", product);
}

void write_rows(Writer& writer) {
  constexpr std::size_t kRows = 512, kColumns = 400;
  FloatSamples samples(34);
  std::vector<float> x(kRows * kColumns), scales;
  std::vector<std::int8_t> rint(x.size()), round(x.size());
  for (std::size_t row = 0; row < kRows; ++row) {
    const float magnitude = std::ldexp(1.0f, static_cast<int>(samples.below(40)) - 20);
    const auto in = std::span(x).subspan(row * kColumns, kColumns);
    for (float& each : in) {
      each = magnitude * (samples.coin() ? samples.moderate() : samples.coarse());
      if (row % 2 != 0) each = decode(DType::bf16, encode(DType::bf16, each, Rounding::rint, {}));
    }
    const Int8Scale scale = quantize_int8_row(in, Rounding::rint, std::span(rint).subspan(row * kColumns, kColumns));
    quantize_int8_row(in, Rounding::round, std::span(round).subspan(row * kColumns, kColumns));
    scales.insert(scales.end(), {scale.quant, scale.dequant});
  }
  writer.write("rows.f32", x);
  writer.write("rows.rint", rint);
  writer.write("rows.round", round);
  writer.write("rows.scales", scales);
}

}  // namespace
}  // namespace assay::goldens

int main(int argc, char** argv) {
  using namespace assay::goldens;
  if (argc != 2) {
    std::cerr << "write_oracle_samples: expected one folder\n";
    return 2;
  }
  std::error_code error;
  std::filesystem::create_directories(argv[1], error);
  Writer writer(argv[1]);
  write_formats(writer);
  write_arithmetic(writer);
  write_rows(writer);
  if (!writer.good()) std::cerr << "write_oracle_samples: cannot write to " << argv[1] << '\n';
  return writer.good() ? 0 : 1;
}
