# Targets for those who change the code: format (clang-format 14) and tidy (clang-tidy 14).
find_program(ARGAND_CLANG_FORMAT clang-format-14)
if(ARGAND_CLANG_FORMAT)
  add_custom_target(format
    COMMAND sh -c "git ls-files '*.h' '*.cpp' '*.cu' | xargs '${ARGAND_CLANG_FORMAT}' -i"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" VERBATIM)
endif()

find_program(ARGAND_RUN_CLANG_TIDY run-clang-tidy-14)
if(ARGAND_RUN_CLANG_TIDY)
  set(ARGAND_TIDY "/(app|core|models|ui|viz)/.*\\.cpp$" CACHE STRING "Which files the target tidy checks")
  add_custom_target(tidy
    COMMAND "${ARGAND_RUN_CLANG_TIDY}" -quiet -p "${PROJECT_BINARY_DIR}"
            -extra-arg=-include "-extra-arg=${PROJECT_SOURCE_DIR}/cmake/tidy_source_location.h" "${ARGAND_TIDY}"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" VERBATIM)
endif()
