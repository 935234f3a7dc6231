# The CPU libraries of LibTorch as the target assay::torch_cpu, with the component "cuda" also assay::torch_cuda.
#
# find_package(Torch) is not used: with a CUDA wheel it enables the CUDA language, demands a toolkit and links every
# CUDA library. Two imported targets are all that is needed, and they live beside a project's own find_package(Torch).
#
# Looked for in: ASSAY_TORCH_ROOT, Torch_DIR, CMAKE_PREFIX_PATH, the .deps folder of the source tree, and the Python
# on the PATH (without importing torch).

set(ASSAY_TORCH_ROOT "${ASSAY_TORCH_ROOT}" CACHE PATH "Folder of LibTorch, with include/ and lib/ in it")

# The version of the LibTorch in a folder, as its header says; empty if there is none.
function(_assay_torch_version root result)
  set(version "")
  if(EXISTS "${root}/lib/libtorch_cpu.so" AND EXISTS "${root}/include/torch/csrc/api/include/torch/types.h")
    foreach(header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
      if(NOT version AND EXISTS "${root}/include/${header}")
        file(STRINGS "${root}/include/${header}" lines REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
        string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
        list(JOIN numbers "." version)
      endif()
    endforeach()
  endif()
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Sets _assay_torch_root and ASSAY_TORCH_VERSION to the first LibTorch that is new enough, else _assay_torch_problem.
# Older ones are passed over, as scripts/setup does; one that ASSAY_TORCH_ROOT names is not.
function(_assay_find_torch)
  set(candidates)
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
  if(ASSAY_TORCH_ROOT)
    set(candidates "${ASSAY_TORCH_ROOT}")
  endif()

  set(too_old "")
  foreach(folder IN LISTS candidates ITEMS python3 python)
    if(folder MATCHES "^python3?$")
      find_program(_assay_${folder} "${folder}")
      mark_as_advanced(_assay_${folder})
      if(ASSAY_TORCH_ROOT OR NOT _assay_${folder})
        continue()
      endif()
      execute_process(
        COMMAND "${_assay_${folder}}" -c
                "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
        OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    foreach(root IN ITEMS "${folder}" "${folder}/../..")  # a prefix may be given as .../share/cmake
      _assay_torch_version("${root}" version)
      if(NOT version)
        continue()
      endif()
      get_filename_component(root "${root}" REALPATH)
      if(version VERSION_GREATER_EQUAL 2.7)
        set(_assay_torch_root "${root}" PARENT_SCOPE)
        set(ASSAY_TORCH_VERSION "${version}" PARENT_SCOPE)
        set(_assay_torch_problem "" PARENT_SCOPE)
        return()
      endif()
      string(APPEND too_old " ${root} holds ${version}, which is too old.")
    endforeach()
  endforeach()
  set(_assay_torch_root "" PARENT_SCOPE)
  if(ASSAY_TORCH_ROOT AND NOT too_old)
    set(too_old " ASSAY_TORCH_ROOT (${ASSAY_TORCH_ROOT}) holds none.")
  endif()
  string(CONCAT problem "assay needs LibTorch >= 2.7, which was not found: run scripts/setup, or set ASSAY_TORCH_ROOT to "
                        "its folder (the one with include/ and lib/ in it).${too_old}")
  set(_assay_torch_problem "${problem}" PARENT_SCOPE)
endfunction()

_assay_find_torch()
if(_assay_torch_problem)
  if(ASSAY_TORCH_QUIET)
    return()
  endif()
  message(FATAL_ERROR "${_assay_torch_problem}")
endif()

# The targets are global: a project that adds assay as a subdirectory links them from its own directory.
set(ASSAY_TORCH_FOUND "${_assay_torch_root}" CACHE INTERNAL "Folder of the LibTorch in use")
if(NOT TARGET assay::torch_cpu)
  foreach(_name IN ITEMS c10 torch_cpu)
    add_library(assay::${_name} SHARED IMPORTED GLOBAL)
    set_target_properties(assay::${_name} PROPERTIES IMPORTED_LOCATION "${_assay_torch_root}/lib/lib${_name}.so")
  endforeach()
  # Some system libraries that libtorch_cpu needs lie beside it, found by its own RPATH, not by the linker's.
  set_target_properties(assay::torch_cpu PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${_assay_torch_root}/include;${_assay_torch_root}/include/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES assay::c10
    INTERFACE_LINK_OPTIONS "LINKER:-rpath-link,${_assay_torch_root}/lib;LINKER:--allow-shlib-undefined")
endif()

# libtorch_cuda is there with every CUDA wheel, but only loads with its many dependencies: the loader knows them.
set(_assay_cuda_problem "")
if(NOT EXISTS "${_assay_torch_root}/lib/libtorch_cuda.so")
  set(_assay_cuda_problem "the LibTorch in ${_assay_torch_root} was built without CUDA")
elseif(NOT TARGET assay::torch_cuda)
  execute_process(COMMAND ldd "${_assay_torch_root}/lib/libtorch_cuda.so"
                  OUTPUT_VARIABLE _assay_loader ERROR_QUIET RESULT_VARIABLE _assay_loader_failed)
  string(REGEX MATCHALL "[^ \t\n]+ => not found" _assay_loader "${_assay_loader}")
  list(REMOVE_DUPLICATES _assay_loader)
  list(TRANSFORM _assay_loader REPLACE " => not found" "")
  if(_assay_loader)
    list(JOIN _assay_loader ", " _assay_loader)
    set(_assay_cuda_problem "the libtorch_cuda in ${_assay_torch_root} needs ${_assay_loader}, which the loader does not find")
  endif()
endif()
if(NOT _assay_cuda_problem AND NOT TARGET assay::torch_cuda)
  add_library(assay::c10_cuda SHARED IMPORTED GLOBAL)
  set_target_properties(assay::c10_cuda PROPERTIES IMPORTED_LOCATION "${_assay_torch_root}/lib/libc10_cuda.so")
  # Nothing may refer to a symbol of libtorch_cuda: without --no-as-needed the linker drops it, and there is no CUDA.
  add_library(assay::torch_cuda INTERFACE IMPORTED GLOBAL)
  set_target_properties(assay::torch_cuda PROPERTIES
    INTERFACE_LINK_LIBRARIES "assay::torch_cpu;assay::c10_cuda"
    INTERFACE_LINK_OPTIONS
      "LINKER:--push-state,--no-as-needed,${_assay_torch_root}/lib/libtorch_cuda.so,--pop-state")
endif()
