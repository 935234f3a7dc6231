# Finds what assay stands on. Nothing is downloaded: a package that is missing ends the configuration with one sentence.
include(AssayTorch)

# A project that adds assay as a subdirectory links these targets from its own directory (CMake 3.24 and newer).
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)

# assay_require(PACKAGE DEBIAN_PACKAGE [arguments of find_package])
macro(assay_require package debian)
  find_package(${package} ${ARGN} QUIET)
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "assay needs ${package}, which was not found: run scripts/setup, or install it "
                        "(Debian and Ubuntu: apt install ${debian}).")
  endif()
endmacro()

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
assay_require(nlohmann_json nlohmann-json3-dev 3.10)
assay_require(SQLite3 libsqlite3-dev 3.35)
assay_require(OpenSSL libssl-dev COMPONENTS Crypto)
assay_require(fmt libfmt-dev)
assay_require(spdlog libspdlog-dev)
if(ASSAY_BUILD_APPS OR ASSAY_BUILD_EXAMPLES)
  assay_require(CLI11 libcli11-dev)
endif()
if(ASSAY_BUILD_APPS)
  # By pkg-config: Debian's CMake package of libzip also wants its command-line tools.
  assay_require(PkgConfig pkg-config)
  pkg_check_modules(libzip QUIET IMPORTED_TARGET libzip)
  if(NOT libzip_FOUND)
    message(FATAL_ERROR "assay's command needs libzip, which was not found: run scripts/setup, or install it "
                        "(Debian and Ubuntu: apt install libzip-dev).")
  endif()
  # Without HDF5 the command says so when it is given such a file.
  pkg_search_module(hdf5 QUIET IMPORTED_TARGET hdf5 hdf5-serial)
endif()
if(ASSAY_BUILD_TESTS)
  assay_require(Catch2 catch2)
endif()
if(ASSAY_BUILD_TESTS AND NOT ASSAY_UNIT_TESTS_ONLY)
  assay_require(MPI "libopenmpi-dev openmpi-bin" COMPONENTS CXX)
  find_program(ASSAY_CCX ccx)
  if(NOT ASSAY_CCX)
    message(FATAL_ERROR "assay's tests need CalculiX (ccx), which was not found: run scripts/setup, or install it "
                        "(Debian and Ubuntu: apt install calculix-ccx).")
  endif()
endif()
