# The CPU libraries of LibTorch as the target assay::torch_cpu, with the component "cuda" also assay::torch_cuda.
#
# find_package(Torch) is not used: with a CUDA wheel it enables the CUDA language, demands a toolkit and links every
# CUDA library. Two imported targets are all that is needed, and they live beside a project's own find_package(Torch).
#
# Looked for in: ASSAY_TORCH_ROOT, Torch_DIR, CMAKE_PREFIX_PATH, the .deps folder of the source tree, and the Python
# on the PATH (without importing torch).

set(ASSAY_TORCH_ROOT "${ASSAY_TORCH_ROOT}" CACHE PATH "Folder of LibTorch, with include/ and lib/ in it")

function(_assay_find_torch result)
  set(candidates ${ASSAY_TORCH_ROOT})
  if(Torch_DIR)
    list(APPEND candidates "${Torch_DIR}/../../..")  # share/cmake/Torch
  endif()
  if(DEFINED ENV{Torch_DIR})
    list(APPEND candidates "$ENV{Torch_DIR}/../../..")
  endif()
  list(APPEND candidates ${CMAKE_PREFIX_PATH})
  if(DEFINED ENV{CMAKE_PREFIX_PATH})
    string(REPLACE ":" ";" from_environment "$ENV{CMAKE_PREFIX_PATH}")
    list(APPEND candidates ${from_environment})
  endif()
  list(APPEND candidates "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../.deps/python/torch" ${ASSAY_TORCH_HINT})
  foreach(folder IN LISTS candidates)
    foreach(root IN ITEMS "${folder}" "${folder}/../..")  # a prefix may be given as .../share/cmake
      if(EXISTS "${root}/lib/libtorch_cpu.so" AND EXISTS "${root}/include/torch/csrc/api/include/torch/types.h")
        get_filename_component(root "${root}" REALPATH)
        set(${result} "${root}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
  find_program(_assay_python NAMES python3 python)
  mark_as_advanced(_assay_python)
  if(_assay_python)
    execute_process(
      COMMAND "${_assay_python}" -c
              "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(folder AND EXISTS "${folder}/lib/libtorch_cpu.so")
      set(${result} "${folder}" PARENT_SCOPE)
      return()
    endif()
  endif()
  set(${result} "" PARENT_SCOPE)
endfunction()

_assay_find_torch(_assay_torch_root)
if(NOT _assay_torch_root)
  set(_assay_torch_problem "assay needs LibTorch >= 2.7, which was not found: run scripts/setup, or set ASSAY_TORCH_ROOT "
                           "to its folder (the one with include/ and lib/ in it).")
  list(JOIN _assay_torch_problem "" _assay_torch_problem)
else()
  set(ASSAY_TORCH_VERSION "")
  foreach(_file IN ITEMS version.py build-version)
    if(NOT ASSAY_TORCH_VERSION AND EXISTS "${_assay_torch_root}/${_file}")
      file(READ "${_assay_torch_root}/${_file}" _text)
      if(_text MATCHES "([0-9]+\\.[0-9]+\\.[0-9]+)")
        set(ASSAY_TORCH_VERSION "${CMAKE_MATCH_1}")
      endif()
    endif()
  endforeach()
  set(_assay_torch_problem "")
  if(ASSAY_TORCH_VERSION AND ASSAY_TORCH_VERSION VERSION_LESS 2.7)
    set(_assay_torch_problem "assay needs LibTorch >= 2.7 (earlier wheels use the old C++ ABI); "
                             "${_assay_torch_root} holds ${ASSAY_TORCH_VERSION}.")
    list(JOIN _assay_torch_problem "" _assay_torch_problem)
  endif()
endif()

if(_assay_torch_problem)
  if(ASSAY_TORCH_QUIET)
    return()
  endif()
  message(FATAL_ERROR "${_assay_torch_problem}")
endif()

function(_assay_torch_library name)
  if(TARGET assay::${name})
    return()
  endif()
  add_library(assay::${name} SHARED IMPORTED)
  set_target_properties(assay::${name} PROPERTIES IMPORTED_LOCATION "${_assay_torch_root}/lib/lib${name}.so")
endfunction()

set(ASSAY_TORCH_FOUND "${_assay_torch_root}" CACHE INTERNAL "Folder of the LibTorch in use")
_assay_torch_library(c10)
_assay_torch_library(torch_cpu)
set_target_properties(assay::torch_cpu PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES
    "${_assay_torch_root}/include;${_assay_torch_root}/include/torch/csrc/api/include"
  INTERFACE_LINK_LIBRARIES assay::c10)
# Some system libraries that libtorch_cpu needs lie beside it, found by its own RPATH, not by the linker's.
set_property(TARGET assay::torch_cpu APPEND PROPERTY INTERFACE_LINK_OPTIONS
  "LINKER:-rpath-link,${_assay_torch_root}/lib" "LINKER:--allow-shlib-undefined")

if(EXISTS "${_assay_torch_root}/lib/libtorch_cuda.so" AND NOT TARGET assay::torch_cuda)
  # Nothing refers to a symbol of libtorch_cuda: without --no-as-needed the linker drops it, and there is no CUDA.
  add_library(assay::torch_cuda INTERFACE IMPORTED)
  set_target_properties(assay::torch_cuda PROPERTIES
    INTERFACE_LINK_LIBRARIES assay::torch_cpu
    INTERFACE_LINK_OPTIONS
      "LINKER:--push-state,--no-as-needed,${_assay_torch_root}/lib/libtorch_cuda.so,--pop-state")
endif()
