# The CUDA compiler for the engine's plugin: the system's, else the one that
# packaging/setup.sh put into the cache folder; and NCCL at the version that
# LibTorch names. Sets ARGAND_HAS_CUDA; target NCCL::nccl where it is found.
set(ARGAND_HAS_CUDA OFF)
if(ARGAND_CUDA)
  find_program(ARGAND_NVCC nvcc
    PATHS /usr/local/cuda/bin "${ARGAND_CACHE}/site/nvidia/cu13/bin"
    DOC "The CUDA 13 compiler")
  if(ARGAND_NVCC)
    set(ARGAND_HAS_CUDA ON)
    # 75 is the oldest that CUDA 13 knows; each GPU runs the newest below it, and
    # the last entry's PTX serves those to come.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100-real 120)
    endif()
    set(CMAKE_CUDA_COMPILER "${ARGAND_NVCC}")
    set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 does not know nvcc 13's C++20
    enable_language(CUDA)
    # Beside LibTorch, as the wheels lie; without the link, where a wheel is as it came.
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${LIBTORCH_ROOT}/../nvidia/nccl/include")
    find_library(NCCL_LIBRARY NAMES nccl libnccl.so.2 HINTS "${LIBTORCH_ROOT}/../nvidia/nccl/lib")
    if(NCCL_INCLUDE_DIR AND NCCL_LIBRARY)
      add_library(NCCL::nccl SHARED IMPORTED)
      set_target_properties(NCCL::nccl PROPERTIES
        IMPORTED_LOCATION "${NCCL_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${NCCL_INCLUDE_DIR}")
    endif()
  elseif(NOT ARGAND_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "ARGAND_CUDA is ON, and there is no nvcc: run packaging/setup.sh.")
  endif()
endif()
