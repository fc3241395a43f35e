# usher_adapter(NAME SOURCES…): a runtime adapter NAME.so. It exports exactly one symbol,
# usher_plugin_v1, and links nothing of the agent but usher::base (docs/plugin-abi.md).
function(usher_adapter name)
  string(REPLACE "-" "_" target adapter_${name})
  add_library(${target} MODULE ${ARGN})
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/adapters)
  target_link_libraries(${target} PRIVATE usher::options usher::base)
  target_link_options(${target} PRIVATE
                      -Wl,--version-script=${CMAKE_SOURCE_DIR}/cmake/adapter.map)
  if(NOT USHER_SANITIZE) # the sanitizers' own symbols come from the program that loads it
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  install(TARGETS ${target} LIBRARY DESTINATION lib/usher/adapters)
endfunction()
