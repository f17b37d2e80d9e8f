# The header-only libraries of core/base from the folder that
# `packaging/setup.sh --engine-bundle` packs, for a machine without their packages.
# Used by the preset engine alone, and only where the folder is there. Sets ARGAND_HAS_BUNDLE.
set(ARGAND_HAS_BUNDLE OFF)
set(ARGAND_ENGINE_BUNDLE "${PROJECT_SOURCE_DIR}/engine-bundle" CACHE PATH "Folder of setup.sh --engine-bundle")
if(ARGAND_ENGINE_ONLY AND EXISTS "${ARGAND_ENGINE_BUNDLE}/include/fmt/format.h")
  set(ARGAND_HAS_BUNDLE ON)
  foreach(target fmt::fmt-header-only tl::expected nlohmann_json::nlohmann_json)
    add_library(${target} INTERFACE IMPORTED)
    target_include_directories(${target} SYSTEM INTERFACE "${ARGAND_ENGINE_BUNDLE}/include")
  endforeach()
  target_compile_definitions(fmt::fmt-header-only INTERFACE FMT_HEADER_ONLY=1)
endif()
