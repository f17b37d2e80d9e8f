# What Argand is built with. Everything is found, nothing is downloaded.
find_package(Threads REQUIRED)
include(ArgandBundle)
if(NOT ARGAND_HAS_BUNDLE)
  find_package(fmt REQUIRED)
  find_package(tl-expected REQUIRED)
  find_package(nlohmann_json 3.10 REQUIRED)
endif()
find_package(LibTorch REQUIRED)
if(ARGAND_ENGINE_ONLY)
  return()
endif()
# Debian's file complains of command-line programs of a package that nobody needs here.
set(CMAKE_MESSAGE_LOG_LEVEL ERROR)
find_package(GDCM REQUIRED)
unset(CMAKE_MESSAGE_LOG_LEVEL)
find_package(DCMTK REQUIRED)
find_package(BZip2 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CLI11 REQUIRED)
if(ARGAND_GUI)
  find_package(Qt6 6.4 REQUIRED COMPONENTS Core Gui Widgets OpenGLWidgets Svg)
  find_package(VTK 9.1 REQUIRED COMPONENTS
    CommonCore CommonDataModel CommonExecutionModel CommonTransforms CommonMath FiltersCore FiltersGeneral
    FiltersGeometry FiltersSources FiltersModeling ImagingCore ImagingColor InteractionWidgets InteractionStyle
    RenderingCore RenderingAnnotation RenderingFreeType RenderingOpenGL2 RenderingVolume
    RenderingVolumeOpenGL2 RenderingUI IOImage)
endif()
if(BUILD_TESTING)
  find_package(GTest 1.12 REQUIRED)
endif()
