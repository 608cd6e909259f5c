# How our own code is compiled: warnings, sanitizers, and files of a target together; third-party headers are SYSTEM.
add_library(espalier_options INTERFACE)
target_compile_options(espalier_options INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees an overlap in "text" + std::string at -O3 that is not there: https://gcc.gnu.org/PR105651
  target_compile_options(espalier_options INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  # g++ 13 and 14 take a reference into one argument for one into a temporary that was another: https://gcc.gnu.org/PR109642
  target_compile_options(espalier_options INTERFACE -Wno-dangling-reference)
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
if(ESPALIER_LINT)
  target_compile_options(espalier_options INTERFACE -fsyntax-only)
endif()
if(ESPALIER_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Compiled together, a file is no longer the main one, whose own types coroutines may hold, and its locals meet the
  # names of its neighbours. ./dev lint compiles each alone, with these warnings.
  target_compile_options(espalier_options INTERFACE -Wno-subobject-linkage -Wno-shadow -Wshadow=local)
endif()
target_include_directories(espalier_options INTERFACE ${PROJECT_SOURCE_DIR})

# Most of what a file costs is its headers, and what it instantiates of them: files compiled together pay for them once.
# ESPALIER_UNITY=OFF compiles each alone, as ./dev lint does, and as clangd wants it (docs/building.md). Where people change
# one file at a time and wait for it (criteria, commands, tests), SMALL takes half as many together.
function(espalier_together target)
  if(ESPALIER_UNITY)
    set(files ${ESPALIER_UNITY})
    if("SMALL" IN_LIST ARGN)
      math(EXPR files "(${files} + 1) / 2")
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files})
  endif()
endfunction()

# A room is a folder, and a file in it belongs to it: no list of files to keep. `variable` becomes the sources of these
# rooms and of the folders in them, room after room in the order given.
function(espalier_rooms variable)
  set(all "")
  foreach(room IN LISTS ARGN)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${room}/*.cpp)
    list(SORT sources)
    list(APPEND all ${sources})
  endforeach()
  set(${variable} ${all} PARENT_SCOPE)
endfunction()

# espalier_library(NAME room ... [SOURCES a.cpp ...] [WITHOUT b.cpp ...])
function(espalier_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;WITHOUT" ${ARGN})
  espalier_rooms(sources ${ARG_UNPARSED_ARGUMENTS})
  foreach(file IN LISTS ARG_WITHOUT)
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_library(${name} STATIC ${sources} ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC espalier_options)
  espalier_together(${name})
endfunction()

# For code that is not waited for: tests, and commands that read options and print.
function(espalier_quick_to_build target)
  if(ESPALIER_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()
