# generated/daemon/version.h: version and commit as of the configure run. A source tree without .git says "unknown".
set(POSTHOUSE_COMMIT unknown)
find_program(GIT git)
if(GIT AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
  execute_process(
    COMMAND ${GIT} -C ${PROJECT_SOURCE_DIR} describe --always --exclude=* --abbrev=12 --dirty
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND commit)
    set(POSTHOUSE_COMMIT ${commit})
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/daemon/version.h.in ${PROJECT_BINARY_DIR}/generated/daemon/version.h @ONLY)
