# Packages: cpack --config build/release/CPackConfig.cmake -G TGZ (or DEB).
set(CPACK_PACKAGE_NAME argand)
set(CPACK_PACKAGE_VENDOR Argand)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
# One package with everything: a hospital's machine has no network to fetch a second.
set(CPACK_COMPONENTS_ALL runtime models docs licenses)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Argand authors")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)
# LibTorch travels in the package; dpkg-shlibdeps must not look for a package of it.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS
  "${LIBTORCH_ROOT}/lib" "${LIBTORCH_ROOT}/../nvidia/cu13/lib"
  "${PROJECT_BINARY_DIR}/core/base" "${PROJECT_BINARY_DIR}/core/engine/run")
if(ARGAND_PACKAGE_CUDA)
  foreach(folder cudnn cusparselt nccl nvshmem)
    list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${LIBTORCH_ROOT}/../nvidia/${folder}/lib")
  endforeach()
endif()

# For the builds that this toolchain cannot make: the installer of Windows and
# the disk image of macOS.
set(CPACK_NSIS_DISPLAY_NAME Argand)
set(CPACK_NSIS_MODIFY_PATH ON)
set(CPACK_PACKAGE_EXECUTABLES argand Argand)
set(CPACK_DMG_VOLUME_NAME Argand)
include(CPack)
