# Compiler and linker flags for everything that is ours.
add_library(aks_flags INTERFACE)

target_compile_definitions(aks_flags INTERFACE
    _GNU_SOURCE
    AKS_VERSION="${PROJECT_VERSION}")
target_compile_options(aks_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wconversion -Wno-sign-conversion -Wundef
    -Wformat=2 -Wvla -Wswitch-enum -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion
    -Wno-unused-parameter
    -fno-common -fno-strict-aliasing -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(aks_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()
if(AKS_WERROR)
    target_compile_options(aks_flags INTERFACE -Werror)
endif()

if(AKS_SANITIZE)
    target_compile_options(aks_flags INTERFACE -fsanitize=${AKS_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    target_link_options(aks_flags INTERFACE -fsanitize=${AKS_SANITIZE})
else()
    # glibc's fortified functions hide from the sanitizers what they would report.
    target_compile_options(aks_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
    target_link_options(aks_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(AKS_FUZZ)
    # Every layer reports its edges; only the fuzzers themselves bring libFuzzer's main.
    target_compile_options(aks_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(AKS_COVERAGE)
    target_compile_options(aks_flags INTERFACE --coverage)
    target_link_options(aks_flags INTERFACE --coverage)
endif()
