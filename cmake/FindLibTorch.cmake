# Finds LibTorch without Torch's own CMake package (which fails where there is no
# CUDA toolkit and adds flags of its own).
#
# Looks in LIBTORCH_ROOT (a Python wheel's "torch" folder, or the official
# archive), else in the cache folder that packaging/setup.sh fills, else beside the
# system's Python. Targets:
#   LibTorch::c10, LibTorch::torch_cpu  and, where they exist, LibTorch::c10_cuda, LibTorch::torch_cuda
set(ARGAND_CACHE "$ENV{ARGAND_CACHE}" CACHE PATH "Where packaging/setup.sh put LibTorch and CUDA")
if(NOT ARGAND_CACHE)
  set(ARGAND_CACHE "$ENV{HOME}/.cache/argand" CACHE PATH "" FORCE)
endif()
find_path(LIBTORCH_ROOT NAMES include/ATen/ATen.h HINTS "${ARGAND_CACHE}/site/torch" ENV LIBTORCH_ROOT NO_DEFAULT_PATH)
if(NOT LIBTORCH_ROOT)
  # Where the package lies, without importing it.
  find_program(LIBTORCH_PYTHON python3)
  if(LIBTORCH_PYTHON)
    execute_process(
      COMMAND "${LIBTORCH_PYTHON}" -c
              "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE torch_folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_path(LIBTORCH_ROOT NAMES include/ATen/ATen.h HINTS "${torch_folder}" NO_DEFAULT_PATH)
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LIBTORCH_ROOT
  REASON_FAILURE_MESSAGE "Run packaging/setup.sh, or set LIBTORCH_ROOT to an unpacked LibTorch.")
if(LibTorch_FOUND AND NOT TARGET LibTorch::torch_cpu)
  foreach(name c10 torch_cpu c10_cuda torch_cuda)
    if(EXISTS "${LIBTORCH_ROOT}/lib/lib${name}.so")
      add_library(LibTorch::${name} SHARED IMPORTED)
      set_target_properties(LibTorch::${name} PROPERTIES
        IMPORTED_LOCATION "${LIBTORCH_ROOT}/lib/lib${name}.so"
        INTERFACE_INCLUDE_DIRECTORIES
          "${LIBTORCH_ROOT}/include;${LIBTORCH_ROOT}/include/torch/csrc/api/include")
    endif()
  endforeach()
  # at::parallel_for is inline and runs on one thread unless its caller is compiled
  # with OpenMP; the runtime must be the one that LibTorch brings, not a second.
  file(GLOB LIBTORCH_GOMP "${LIBTORCH_ROOT}/lib/libgomp*.so*")
  set_target_properties(LibTorch::torch_cpu PROPERTIES
    INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp>"
    INTERFACE_LINK_LIBRARIES "LibTorch::c10;${LIBTORCH_GOMP}")
endif()
