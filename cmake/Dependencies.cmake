# Third-party libraries, all from Debian bookworm, as interface targets under third_party::.
# Which part of Usher may see which one is decided where a target links it (docs/architecture.md).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS unit_test_framework)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(NGHTTP2 REQUIRED libnghttp2)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
find_program(BPF_CLANG clang-19 REQUIRED)
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# asio: clang needs to be told that coroutines are there; nothing of ours uses the deprecated parts.
# Whether memory comes from aligned_alloc or operator new, asio finds out by a macro that it sees
# only in files that included a standard header first: said here, or what one file's code takes,
# another's gives back the other way.
add_library(third_party_asio INTERFACE)
add_library(third_party::asio ALIAS third_party_asio)
target_compile_definitions(third_party_asio INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1
                                                      ASIO_HAS_STD_ALIGNED_ALLOC=1
                                                      ASIO_NO_DEPRECATED=1)
target_link_libraries(third_party_asio INTERFACE Threads::Threads)

# gRPC without codegen of ours: generated code links these.
add_library(third_party_grpc INTERFACE)
add_library(third_party::grpc ALIAS third_party_grpc)
target_link_libraries(third_party_grpc INTERFACE PkgConfig::GRPCPP protobuf::libprotobuf)

add_library(third_party_libbpf INTERFACE)
add_library(third_party::libbpf ALIAS third_party_libbpf)
target_link_libraries(third_party_libbpf INTERFACE PkgConfig::LIBBPF)

add_library(third_party_log INTERFACE)
add_library(third_party::log ALIAS third_party_log)
target_compile_definitions(third_party_log INTERFACE SPDLOG_FMT_EXTERNAL=1 SPDLOG_COMPILED_LIB=1)
target_link_libraries(third_party_log INTERFACE spdlog fmt)
