# assay_library(NAME SOURCES ... [DEPS ...])    static library assay_NAME, and every header of SOURCES' folder stays reachable
#                                               as "harness/..." or "goldens/..."
# assay_test(NAME SOURCES ... DEPS ... [LABELS ...] [TIMEOUT S] [WHOLE])
#                                               GoogleTest executable NAME; each TEST is a CTest test, or with WHOLE the
#                                               executable as a whole is one
include(GoogleTest)

function(assay_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(assay_${name} STATIC ${arg_SOURCES})
  target_link_libraries(assay_${name} PUBLIC assay_options ${arg_DEPS})
endfunction()

function(assay_test name)
  cmake_parse_arguments(arg "WHOLE" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE assay_options ${arg_DEPS} GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE ASSAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(arg_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  else()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${name}."
                         PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()
