# Compiler flags of every target of ours.
add_library(argand_flags INTERFACE)
target_compile_options(argand_flags INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Woverloaded-virtual>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>"
  $<$<AND:$<BOOL:${ARGAND_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>)
if(ARGAND_SANITIZE)
  # GCC's flow warnings are unreliable in instrumented code.
  target_compile_options(argand_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ARGAND_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all;-Wno-maybe-uninitialized>)
  target_link_options(argand_flags INTERFACE -fsanitize=${ARGAND_SANITIZE})
endif()

# argand_add_library(NAME [SHARED|MODULE] SOURCES ... [HEADERS ...] [PUBLIC libs...] [PRIVATE libs...])
#
# One library per folder: target argand_NAME, alias argand::NAME. Includes are
# written from the repository's root. PUBLIC are the libraries whose headers
# its own headers include; third-party libraries of the .cpp files are PRIVATE.
function(argand_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SHARED;MODULE" "" "SOURCES;HEADERS;PUBLIC;PRIVATE")
  set(kind STATIC)
  if(arg_SHARED)
    set(kind SHARED)
  elseif(arg_MODULE)
    set(kind MODULE)
  endif()
  add_library(argand_${name} ${kind} ${arg_SOURCES})
  add_library(argand::${name} ALIAS argand_${name})
  target_sources(argand_${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${arg_HEADERS})
  target_include_directories(argand_${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>")
  target_link_libraries(argand_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} "$<BUILD_INTERFACE:argand_flags>")
endfunction()
