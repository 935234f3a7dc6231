# The install tree: headers, libraries, CMake package, pkg-config files.
include(CMakePackageConfigHelpers)

install(TARGETS assay EXPORT assayTargets)
install(TARGETS assay_surrogate EXPORT assaySurrogateTargets)
install(TARGETS assay_client EXPORT assayClientTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
set(assay_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/assay")
install(EXPORT assayTargets NAMESPACE assay:: DESTINATION "${assay_package_dir}")
install(EXPORT assaySurrogateTargets NAMESPACE assay:: DESTINATION "${assay_package_dir}")
install(EXPORT assayClientTargets NAMESPACE assay:: DESTINATION "${assay_package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/assayConfig.cmake.in" "${PROJECT_BINARY_DIR}/assayConfig.cmake"
                              INSTALL_DESTINATION "${assay_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/assayConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/assayConfig.cmake" "${PROJECT_BINARY_DIR}/assayConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/AssayTorch.cmake" DESTINATION "${assay_package_dir}")

if(TARGET assay::cuda)
  install(TARGETS assay_cuda EXPORT assayCudaTargets)
  install(EXPORT assayCudaTargets NAMESPACE assay:: DESTINATION "${assay_package_dir}")
endif()

set(ASSAY_PC_TORCH "${_assay_torch_root}")
if(BUILD_SHARED_LIBS)
  set(ASSAY_PC_REQUIRES_KEYWORD "Requires.private")
else()
  set(ASSAY_PC_REQUIRES_KEYWORD "Requires")
endif()
foreach(name IN ITEMS assay assay_c assay_client assay_surrogate assay_surrogate_c)
  configure_file("${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
