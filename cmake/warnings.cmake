# espalier_library(NAME SOURCES... ) and espalier_executable: our own code, with our warnings; third-party headers are SYSTEM.
add_library(espalier_options INTERFACE)
target_compile_options(espalier_options INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in "text" + std::string at -O3 that is not there: https://gcc.gnu.org/PR105651
  target_compile_options(espalier_options INTERFACE -Wno-restrict)
endif()
if(ESPALIER_WERROR)
  target_compile_options(espalier_options INTERFACE -Werror)
endif()
if(ESPALIER_SANITIZE STREQUAL "address")
  # -g1 and without null, alignment, vptr and object-size: a fifth of the compile time, the findings that matter.
  target_compile_options(espalier_options INTERFACE -g1 -fno-omit-frame-pointer -fsanitize=address,undefined
                         -fno-sanitize=null,alignment,vptr,object-size -fno-sanitize-recover=undefined)
  target_link_options(espalier_options INTERFACE -fsanitize=address,undefined)
elseif(ESPALIER_SANITIZE STREQUAL "thread")
  # g++ mistakes optionals for uninitialized ones under this sanitizer.
  target_compile_options(espalier_options INTERFACE -g1 -fsanitize=thread -Wno-tsan -Wno-maybe-uninitialized)
  target_link_options(espalier_options INTERFACE -fsanitize=thread)
endif()
target_include_directories(espalier_options INTERFACE ${PROJECT_SOURCE_DIR})

function(espalier_library name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC espalier_options)
endfunction()
