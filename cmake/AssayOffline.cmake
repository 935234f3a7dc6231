# The target offline_bundle: one archive with which a machine without a network builds and tests assay.
#
# In it: the sources; headers of the packages that are headers alone; headers and static library of SQLite and OpenSSL's
# libcrypto. Not in it: LibTorch, a compiler, CMake. See docs/how_to/build_offline.md.

# The folder that holds `header` of a package found above.
function(_assay_headers_of target header result)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(NOT folders)
    set(folders)
  endif()
  string(REGEX REPLACE "\\$<[A-Z_]+:([^>]*)>" "\\1" folders "${folders}")
  find_path(_assay_found "${header}" PATHS ${folders} NO_CACHE)
  set(${result} "${_assay_found}" PARENT_SCOPE)
endfunction()

_assay_headers_of(nlohmann_json::nlohmann_json nlohmann/json.hpp _json)
_assay_headers_of(fmt::fmt-header-only fmt/format.h _fmt)
_assay_headers_of(spdlog::spdlog_header_only spdlog/spdlog.h _spdlog)
set(_catch2 "")
if(TARGET Catch2::Catch2)
  _assay_headers_of(Catch2::Catch2 catch2/catch.hpp _catch2)
endif()

set(ASSAY_BUNDLE_NAME "assay-${PROJECT_VERSION}-offline")
add_custom_target(offline_bundle
  COMMAND ${CMAKE_COMMAND}
          -DSOURCE=${PROJECT_SOURCE_DIR} -DBINARY=${PROJECT_BINARY_DIR} -DNAME=${ASSAY_BUNDLE_NAME}
          -DJSON=${_json} -DFMT=${_fmt} -DSPDLOG=${_spdlog} -DCATCH2=${_catch2}
          -DSQLITE=${SQLite3_INCLUDE_DIRS} -DSQLITE_LIBRARY=${SQLite3_LIBRARIES}
          -DOPENSSL=${OPENSSL_INCLUDE_DIR} -DCRYPTO_LIBRARY=${OPENSSL_CRYPTO_LIBRARY}
          -DMULTIARCH=${CMAKE_LIBRARY_ARCHITECTURE}
          -P "${CMAKE_CURRENT_LIST_DIR}/offline/bundle.cmake"
  COMMENT "Writing ${ASSAY_BUNDLE_NAME}.tar.gz" VERBATIM)
