# cmake -DOUT=FILE.cpp "-DPROFILES=a.toml;b.toml" -DHEADER=PATH -DNAMESPACE=NAME -DFUNCTION=NAME -P compile.cmake
#   writes the text of the files as a C++ source: FUNCTION(), declared in HEADER, gives them by name.
set(rows "")
foreach(file IN LISTS PROFILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(APPEND rows "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
file(WRITE "${OUT}" "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n\nconst std::map<std::string_view, std::string_view>& ${FUNCTION}() {\n  static const std::map<std::string_view, std::string_view> texts{\n${rows}  };\n  return texts;\n}\n\n}  // namespace ${NAMESPACE}\n")
