# Writes ${OUTPUT}: the files of ${INPUTS} as C arrays, for src/script/embed.h.
set(arrays "")
set(rows "")
set(index 0)
foreach(input IN LISTS INPUTS)
    get_filename_component(name ${input} NAME_WE)
    file(READ ${input} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(([^,]*,){20})" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file_${index}[] = {\n${bytes}0\n};\n")
    if(input MATCHES "/policies/")
        set(name "policies/${name}")
    else()
        set(name "akosha/${name}")
    endif()
    string(APPEND rows
        "    { \"${name}\", (const char *)file_${index}, sizeof(file_${index}) - 1 },\n")
    math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "#include \"script/embed.h\"\n\n${arrays}
const struct aks_embedded aks_embedded_files[] = {
${rows}    { 0, 0, 0 }
};\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
