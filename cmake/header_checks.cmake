# header_checks: each header that no .cpp of the same name opens with is compiled alone, twice, so that it stands on
# its own. (For the others tests/lint sees to it that the .cpp includes its own header first.)
function(posthouse_header_checks)
  file(GLOB_RECURSE headers RELATIVE ${PROJECT_SOURCE_DIR}
    ${PROJECT_SOURCE_DIR}/protocol/*.h ${PROJECT_SOURCE_DIR}/config/*.h ${PROJECT_SOURCE_DIR}/daemon/*.h)
  set(sources)
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "\\.h$" ".cpp" own ${header})
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${own})
      string(REPLACE "/" "_" name ${own})
      file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/header_checks/${name}
        CONTENT "#include \"${header}\"\n#include \"${header}\"  // and once more: the guard\n")
      list(APPEND sources ${PROJECT_BINARY_DIR}/header_checks/${name})
    endif()
  endforeach()
  add_library(header_checks OBJECT EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(header_checks PRIVATE posthouse_options OpenSSL::SSL Boost::headers fmt::fmt)
endfunction()
posthouse_header_checks()
