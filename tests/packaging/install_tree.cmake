# Installs into a clean prefix and runs the program there, away from the build tree.
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}" OUTPUT_QUIET
  COMMAND_ERROR_IS_FATAL ANY)

# No library may come from the build tree or from a cache folder.
file(GLOB binaries "${PREFIX}/bin/argand-cli" "${PREFIX}/lib/argand/libargand_*.so")
foreach(binary IN LISTS binaries)
  execute_process(COMMAND ldd "${binary}" OUTPUT_VARIABLE libraries COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "=> [^ \n]+" found "${libraries}")
  foreach(library IN LISTS found)
    string(REPLACE "=> " "" library "${library}")
    if(library STREQUAL "not" OR NOT library MATCHES "^(${PREFIX}|/lib|/usr/lib)")
      message(FATAL_ERROR "The installed ${binary} takes ${library}:\n${libraries}")
    endif()
  endforeach()
endforeach()

execute_process(COMMAND "${PREFIX}/bin/argand-cli" --version OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
if(NOT said MATCHES "argand-cli ${VERSION}")
  message(FATAL_ERROR "argand-cli --version said: ${said}")
endif()
execute_process(COMMAND "${PREFIX}/bin/argand-cli" models list OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
if(NOT said MATCHES "hippocampus-t1")
  message(FATAL_ERROR "The installed models are not found; argand-cli models list said: ${said}")
endif()

# The main job, with the libraries and the model of the prefix.
if(EXISTS /usr/share/mricron/templates)
  execute_process(COMMAND "${PREFIX}/bin/argand-cli" demo --out "${PREFIX}/demo" OUTPUT_QUIET
    COMMAND_ERROR_IS_FATAL ANY)
else()
  message(STATUS "mricron-data is not installed: the installed program segments nothing here.")
endif()
file(REMOVE_RECURSE "${PREFIX}")
