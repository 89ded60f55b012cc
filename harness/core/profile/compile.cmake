# cmake -DOUT=FILE.cpp "-DPROFILES=a.toml;b.toml" -P compile.cmake: writes the text of the profiles as a C++ source.
set(rows "")
foreach(file IN LISTS PROFILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(APPEND rows "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
file(WRITE "${OUT}" "#include \"harness/core/profile/compiled.h\"\n\nnamespace assay {\n\nconst std::map<std::string_view, std::string_view>& compiled_profiles() {\n  static const std::map<std::string_view, std::string_view> profiles{\n${rows}  };\n  return profiles;\n}\n\n}  // namespace assay\n")
