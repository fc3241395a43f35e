# USHER_SANITIZE=address,undefined (or thread) instruments everything that links usher::options.
set(USHER_SANITIZE "" CACHE STRING "Sanitizers for every target, comma separated")
if(USHER_SANITIZE)
  target_compile_options(usher_options INTERFACE -fsanitize=${USHER_SANITIZE}
                                                 -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(usher_options INTERFACE -fsanitize=${USHER_SANITIZE})
endif()
