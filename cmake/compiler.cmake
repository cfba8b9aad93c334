# posthouse_options: what every target of ours is compiled and linked with.
include(CheckPIESupported)
check_pie_supported(LANGUAGES CXX)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Assertions stay in the shipped binary: a broken invariant must stop the relay, the spool makes that safe.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

add_library(posthouse_options INTERFACE)
target_include_directories(posthouse_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(posthouse_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  -Woverloaded-virtual -Werror -fstack-protector-strong)
target_compile_definitions(posthouse_options INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(posthouse_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(posthouse_options INTERFACE -fuse-ld=lld)
endif()

set(POSTHOUSE_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
if(POSTHOUSE_SANITIZE)
  set(flags -fsanitize=${POSTHOUSE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    list(APPEND flags -fno-sanitize=function)  # its prologue data breaks the assembly of coroutines
  elseif(POSTHOUSE_SANITIZE MATCHES "thread")
    list(APPEND flags -Wno-tsan)               # Asio's atomic_thread_fence, which GCC's TSan does not model
  endif()
  target_compile_options(posthouse_options INTERFACE ${flags})
  target_link_options(posthouse_options INTERFACE ${flags})
else()
  # glibc's fortified calls need the optimiser, and would hide reads from the sanitizers.
  set(optimised $<NOT:$<OR:$<CONFIG:Debug>,$<BOOL:$<TARGET_PROPERTY:POSTHOUSE_UNOPTIMISED>>>>)
  target_compile_options(posthouse_options INTERFACE
    $<${optimised}:-U_FORTIFY_SOURCE> $<${optimised}:-D_FORTIFY_SOURCE=2>)
endif()

if(POSTHOUSE_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "POSTHOUSE_FUZZERS needs clang (libFuzzer); this is ${CMAKE_CXX_COMPILER_ID}.")
  endif()
  # Coverage for the code under test; tests/fuzz links its targets with -fsanitize=fuzzer.
  target_compile_options(posthouse_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(posthouse_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# posthouse_unoptimised(target): for programs that are compiled more often than they run long, that is, tests. Their
# tables of cases take the optimiser longer than all of protocol/; what they test is optimised as ever.
function(posthouse_unoptimised target)
  set_property(TARGET ${target} PROPERTY POSTHOUSE_UNOPTIMISED ON)
  target_compile_options(${target} PRIVATE -O0)
endfunction()
