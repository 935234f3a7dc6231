# The header-only packages of an offline bundle, as imported targets. Each <package>Config.cmake of the bundle includes
# this file; ASSAY_OFFLINE_PREFIX is the bundle's folder offline/.
get_filename_component(ASSAY_OFFLINE_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../.." REALPATH)
foreach(_target IN ITEMS nlohmann_json::nlohmann_json fmt::fmt-header-only spdlog::spdlog_header_only Catch2::Catch2)
  if(NOT TARGET ${_target})
    add_library(${_target} INTERFACE IMPORTED GLOBAL)
    set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${ASSAY_OFFLINE_PREFIX}/include")
  endif()
endforeach()
set_target_properties(fmt::fmt-header-only PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1)
set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_COMPILE_DEFINITIONS SPDLOG_FMT_EXTERNAL
                                                            INTERFACE_LINK_LIBRARIES fmt::fmt-header-only)
