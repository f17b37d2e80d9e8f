# What is installed. Programs find their libraries beside themselves, so the tree
# may be moved: bin/, lib/argand/ (with LibTorch in the layout of its wheel, by
# which its own libraries find each other) and share/.
function(argand_install)
  foreach(target argand argand-cli)
    if(TARGET ${target})
      install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
    endif()
  endforeach()
  foreach(target argand_base argand_engine_run argand_engine_cuda)
    if(TARGET ${target})
      install(TARGETS ${target} LIBRARY DESTINATION lib/argand COMPONENT runtime)
    endif()
  endforeach()

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
