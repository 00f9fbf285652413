# Compiler and linker flags for everything that is ours.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckLinkerFlag)
include(CheckPIESupported)

check_pie_supported(LANGUAGES C)

# What people run (docs/hardening.md; tests/tree/built.py looks at what came out). Not with sanitizers: glibc's fortified
# functions and variables that are set by themselves hide what those would report.
function(aks_harden)
    foreach(flag -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero)
        string(MAKE_C_IDENTIFIER "AKS_HAVE${flag}" have)
        check_c_compiler_flag(${flag} ${have})
        if(${have})
            target_compile_options(aks_flags INTERFACE ${flag})
        endif()
    endforeach()
    # Where the level is not known its headers warn.
    set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    check_c_source_compiles("#include <string.h>\nint main(void) { return (int)strlen(\"\"); }" AKS_HAVE_FORTIFY_3)
    set(CMAKE_REQUIRED_FLAGS "")
    set(level 2)
    if(AKS_HAVE_FORTIFY_3)
        set(level 3)
    endif()
    target_compile_options(aks_flags INTERFACE
        "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}>")
    target_link_options(aks_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
    # A note that a shadow stack is fine with all of it: libc's own start files often lack theirs, and change no return
    # address.
    check_linker_flag(C -Wl,-z,shstk AKS_HAVE_SHSTK)
    if(AKS_HAVE_SHSTK AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
        target_link_options(aks_flags INTERFACE -Wl,-z,shstk)
    endif()
endfunction()

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
    aks_harden()
endif()
if(AKS_FUZZ)
    # Every layer reports its edges; only the fuzzers themselves bring libFuzzer's main.
    target_compile_options(aks_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(AKS_COVERAGE)
    # Workers count too.
    target_compile_options(aks_flags INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(aks_flags INTERFACE --coverage)
endif()
