# What is installed. Programs find their libraries beside themselves, so the tree
# may be moved: bin/, lib/argand/ (with LibTorch in the layout of its wheel, by
# which its own libraries find each other) and share/.
#
# The CUDA half is left out unless ARGAND_PACKAGE_CUDA is on: with NVIDIA's libraries a
# package is several times as large, and most machines of a hospital have no such GPU.
option(ARGAND_PACKAGE_CUDA "Install and pack the CUDA half with NVIDIA's libraries" OFF)

# The plugins, LibTorch's CUDA libraries and those of NVIDIA's that these load.
function(argand_install_cuda)
  if(NOT TARGET argand_engine_cuda_run)
    message(FATAL_ERROR "ARGAND_PACKAGE_CUDA is ON, and this build has no CUDA half: it needs nvcc, "
                        "LibTorch with CUDA and NCCL (packaging/setup.sh).")
  endif()
  install(TARGETS argand_engine_cuda argand_engine_cuda_run LIBRARY DESTINATION lib/argand COMPONENT runtime)
  install(PROGRAMS
    "${LIBTORCH_ROOT}/lib/libc10_cuda.so" "${LIBTORCH_ROOT}/lib/libtorch_cuda.so"
    "${LIBTORCH_ROOT}/lib/libtorch_cuda_linalg.so" "${LIBTORCH_ROOT}/lib/libtorch_nvshmem.so"
    DESTINATION lib/argand/torch/lib COMPONENT runtime)
  set(libraries
    cu13/libcublas.so.13 cu13/libcublasLt.so.13 cu13/libcufft.so.12 cu13/libcufile.so.0 cu13/libcurand.so.10
    cu13/libcusolver.so.12 cu13/libcusparse.so.12 cu13/libnvJitLink.so.13 cu13/libnvrtc.so.13
    cu13/libnvrtc-builtins.so.13.0
    cudnn/libcudnn.so.9 cudnn/libcudnn_adv.so.9 cudnn/libcudnn_cnn.so.9 cudnn/libcudnn_engines_precompiled.so.9
    cudnn/libcudnn_engines_runtime_compiled.so.9 cudnn/libcudnn_graph.so.9 cudnn/libcudnn_heuristic.so.9
    cudnn/libcudnn_ops.so.9
    cusparselt/libcusparseLt.so.0 nccl/libnccl.so.2 nvshmem/libnvshmem_host.so.3)
  foreach(library IN LISTS libraries)
    get_filename_component(folder "${library}" DIRECTORY)
    get_filename_component(name "${library}" NAME)
    install(PROGRAMS "${LIBTORCH_ROOT}/../nvidia/${folder}/lib/${name}"
      DESTINATION "lib/argand/nvidia/${folder}/lib" COMPONENT runtime)
  endforeach()
endfunction()

function(argand_install)
  foreach(target argand argand-cli)
    if(TARGET ${target})
      install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
    endif()
  endforeach()
  install(TARGETS argand_base argand_engine_run LIBRARY DESTINATION lib/argand COMPONENT runtime)
  if(ARGAND_PACKAGE_CUDA)
    argand_install_cuda()
  endif()

  set(cuda "${LIBTORCH_ROOT}/../nvidia/cu13/lib")
  install(PROGRAMS
    "${LIBTORCH_ROOT}/lib/libc10.so" "${LIBTORCH_ROOT}/lib/libtorch_cpu.so" "${LIBTORCH_ROOT}/lib/libgomp.so.1"
    DESTINATION lib/argand/torch/lib COMPONENT runtime)
  install(PROGRAMS "${cuda}/libcudart.so.13" "${cuda}/libcupti.so.13"
    DESTINATION lib/argand/nvidia/cu13/lib COMPONENT runtime)

  install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/argand/models COMPONENT models
    FILES_MATCHING PATTERN "*.json" PATTERN "*.safetensors" PATTERN "*.md"
    PATTERN import EXCLUDE PATTERN networks EXCLUDE)
  install(DIRECTORY resources/devices/ DESTINATION ${CMAKE_INSTALL_DATADIR}/argand/devices COMPONENT runtime
    FILES_MATCHING PATTERN "*.json")
  install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/argand COMPONENT docs)
  install(FILES LICENSE packaging/third_party.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/argand COMPONENT licenses)
  file(GLOB torch_licences "${LIBTORCH_ROOT}/../torch-*.dist-info/licenses/*")
  install(FILES ${torch_licences} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/argand/libtorch COMPONENT licenses)
  if(ARGAND_GUI)
    install(FILES packaging/linux/org.argand.Argand.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/applications COMPONENT runtime)
    install(FILES packaging/linux/org.argand.Argand.metainfo.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo COMPONENT runtime)
    install(FILES resources/icons/argand.svg DESTINATION ${CMAKE_INSTALL_DATADIR}/icons/hicolor/scalable/apps
      RENAME org.argand.Argand.svg COMPONENT runtime)
  endif()
endfunction()
