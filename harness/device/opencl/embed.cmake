# cmake -DOUT=FILE.cpp "-DFILES=a.h;b.cl" -P embed.cmake: writes the files as one C++ string, with line numbers kept for
# the device compiler's messages.
set(parts "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  string(APPEND parts "    R\"device(#line 1 \"${name}\"\n${text})device\"\n")
endforeach()
file(WRITE "${OUT}" "#include \"harness/device/opencl/device_source.h\"\n\nnamespace assay::device {\n\nstd::string_view device_source() {\n  static constexpr std::string_view source =\n${parts};\n  return source;\n}\n\n}  // namespace assay::device\n")
