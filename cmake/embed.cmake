# Writes ${OUTPUT}: the files of ${INPUTS} as C arrays, in the table ${TABLE}, for src/script/embed.h.
set(arrays "")
set(rows "")
set(index 0)
foreach(input IN LISTS INPUTS)
    get_filename_component(name ${input} NAME_WE)
    file(READ ${input} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(([^,]*,){20})" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file_${index}[] = {\n${bytes}0\n};\n")
    get_filename_component(folder ${input} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    string(APPEND rows
        "    { \"${folder}/${name}\", (const char *)file_${index}, sizeof(file_${index}) - 1 },\n")
    math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "#include \"script/embed.h\"\n\n${arrays}
extern const struct aks_embedded ${TABLE}[];
const struct aks_embedded ${TABLE}[] = {
${rows}    { 0, 0, 0 }
};\n")
file(RENAME ${OUTPUT}.new ${OUTPUT})
