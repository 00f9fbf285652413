# One static library per layer. Headers are included as "layer/file.h"; each layer has an include root
# of its own that holds nothing but a link to it, so that a layer sees only the layers it names.

function(aks_include_root layer ret_root)
    set(root ${CMAKE_BINARY_DIR}/include/${layer})
    file(MAKE_DIRECTORY ${root})
    if(NOT EXISTS ${root}/${layer})
        file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${layer} ${root}/${layer} SYMBOLIC)
    endif()
    set(${ret_root} ${root} PARENT_SCOPE)
endfunction()

function(aks_layer_headers target layer)
    aks_include_root(${layer} root)
    target_include_directories(${target} PRIVATE ${root})
endfunction()

# aks_layer(name [USES layer...] [LIBRARIES lib...] [EXCEPT file prefix...] [PUBLIC_HEADERS])
# Headers of USES are seen by this layer alone; a user of this layer links what it needs by itself.
function(aks_layer name)
    cmake_parse_arguments(L "PUBLIC_HEADERS" "" "USES;LIBRARIES;EXCEPT" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
    foreach(prefix IN LISTS L_EXCEPT)
        list(FILTER sources EXCLUDE REGEX "/${prefix}[^/]*$")
    endforeach()
    if(NOT sources)
        return()
    endif()
    add_library(aks_${name} STATIC ${sources})
    aks_include_root(${name} root)
    target_include_directories(aks_${name} INTERFACE ${root} PRIVATE ${root})
    if(L_PUBLIC_HEADERS)
        target_include_directories(aks_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include)
    endif()
    target_link_libraries(aks_${name} PRIVATE aks_flags ${L_LIBRARIES})
    foreach(used IN LISTS L_USES)
        target_link_libraries(aks_${name} PRIVATE aks_${used})
    endforeach()
endfunction()

# aks_module(name layer prefix [USES layer...] [LIBRARIES lib...]): src/<layer>/<prefix>*.c as a loadable module
# beside the program.
function(aks_module name layer prefix)
    cmake_parse_arguments(L "" "" "USES;LIBRARIES" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${layer}/${prefix}*.c)
    if(NOT sources)
        return()
    endif()
    add_library(${name} MODULE ${sources})
    aks_layer_headers(${name} ${layer})
    target_link_libraries(${name} PRIVATE aks_flags ${L_LIBRARIES})
    foreach(used IN LISTS L_USES)
        target_link_libraries(${name} PRIVATE aks_${used})
    endforeach()
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

# Lua sources as C arrays inside a layer, in a table of that name (src/script/embed.h).
function(aks_embed_lua layer table)
    if(NOT TARGET aks_${layer})
        return()
    endif()
    set(output ${CMAKE_BINARY_DIR}/generated/${table}.c)
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} "-DINPUTS=${ARGN}" -DTABLE=${table} -DOUTPUT=${output}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        VERBATIM)
    target_sources(aks_${layer} PRIVATE ${output})
endfunction()
