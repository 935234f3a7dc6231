# What the build offers, and how it compiles.
option(ASSAY_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(ASSAY_UNIT_TESTS_ONLY "Leave out the tests of whole programs, which need MPI and CalculiX" OFF)
option(ASSAY_BUILD_EXAMPLES "Build the example programs" ${PROJECT_IS_TOP_LEVEL})
option(ASSAY_BUILD_APPS "Build the assay command" ${PROJECT_IS_TOP_LEVEL})
option(ASSAY_BUILD_BENCHMARKS "Build the benchmarks" OFF)
option(ASSAY_BUILD_FUZZERS "Build the fuzz targets with libFuzzer (Clang)" OFF)
option(ASSAY_WERROR "Treat warnings as errors" OFF)
set(ASSAY_SANITIZE "" CACHE STRING "Sanitizers to build with, as in -fsanitize=")
option(BUILD_SHARED_LIBS "Build a shared library" OFF)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Kind of build" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

# Sources whose own headers clash with those of the precompiled header, or that others' flags would change: compiled by
# themselves, also with CMAKE_UNITY_BUILD.
function(assay_compile_alone)
  set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

if(PROJECT_IS_TOP_LEVEL)
  find_program(ASSAY_CCACHE ccache)
  if(ASSAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # ccache takes precompiled headers only when it may overlook their time stamps.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
        ${ASSAY_CCACHE})
  endif()
endif()

add_library(assay_warnings INTERFACE)
target_compile_options(assay_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow=local)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(assay_warnings INTERFACE -Wno-shadow=local -Wno-unknown-warning-option
                                                  -Wno-missing-designated-field-initializers
                                                  -Wno-missing-field-initializers)
else()
  target_compile_options(assay_warnings INTERFACE -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)  # false alarms on "text" + string, as in GCC 105329 and 105651
    target_compile_options(assay_warnings INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
  endif()
endif()
if(ASSAY_WERROR)
  target_compile_options(assay_warnings INTERFACE -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # what an optimizer guesses of the standard library's own code is no error
    foreach(guess IN ITEMS array-bounds dangling-pointer free-nonheap-object maybe-uninitialized nonnull null-dereference
                           restrict stringop-overflow stringop-overread use-after-free)
      target_compile_options(assay_warnings INTERFACE -Wno-error=${guess})
    endforeach()
  endif()
endif()
if(ASSAY_SANITIZE)
  add_compile_options(-fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ASSAY_SANITIZE})
endif()
if(ASSAY_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES Clang)
    message(FATAL_ERROR "ASSAY_BUILD_FUZZERS needs Clang: use the preset fuzz, or -DCMAKE_CXX_COMPILER=clang++.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
