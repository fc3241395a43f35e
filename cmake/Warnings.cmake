# Every target of ours links usher::options: it carries the language level, the warnings and the
# hardening. Third-party headers come in as SYSTEM and are not judged by it.
add_library(usher_options INTERFACE)
add_library(usher::options ALIAS usher_options)
target_compile_features(usher_options INTERFACE cxx_std_23)
target_compile_options(
  usher_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
            -Wold-style-cast -Wimplicit-fallthrough -Werror -fvisibility=hidden
            -fstack-protector-strong -fPIC)
target_compile_definitions(usher_options INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>
                                                   USHER_VERSION="${PROJECT_VERSION}")
target_link_options(usher_options INTERFACE -fuse-ld=lld-19 -Wl,-z,relro,-z,now)
target_include_directories(usher_options INTERFACE ${CMAKE_SOURCE_DIR}/core
                                                   ${CMAKE_SOURCE_DIR}/core/include)
