/* Reads what lua_dump writes (ldump.c of Lua 5.4), for the line of each instruction: Lua tells the
 * lines of a function only to who has the function, and those that were never made are the ones
 * that matter. */
#include "script/lines_internal.h"

#include <string.h>

_Static_assert(LUA_VERSION_NUM == 504, "the form of a dumped function: look again");

#define VERSION 0x54
#define FORMAT 0
#define CHECK "\x19\x93\r\n\x1a\n"      /* bytes that a conversion of text would change */
#define INSTRUCTION_BYTES 4
#define OPERATION_BITS 0x7f
#define OPERATION_TAIL_CALL 69
#define UPVALUE_BYTES 3
/* The compiler nests functions less deep than its limit of C calls, 200. */
#define DEPTH_MAX 250

/* Types of constants. */
#define TYPE_NIL 0
#define TYPE_FALSE 1
#define TYPE_TRUE 17
#define TYPE_INTEGER 3
#define TYPE_NUMBER 19
#define TYPE_SHORT_STRING 4
#define TYPE_LONG_STRING 20

/* In the list of differences between the lines of one instruction and the next: look into the list
 * of absolute lines. */
#define ABSOLUTE (-0x80)

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool broken;            /* stays so; what is read then is 0 */
    bool *marks;
    size_t mark_count;
};

static const uint8_t *
take(struct reader *reader, size_t count, size_t bytes)
{
    const uint8_t *at = reader->at;

    if (reader->broken || (bytes > 0 && count > (size_t)(reader->end - at) / bytes)) {
        reader->broken = true;
        return NULL;
    }
    reader->at += count * bytes;
    return at;
}

static uint8_t
take_byte(struct reader *reader)
{
    const uint8_t *at = take(reader, 1, 1);

    return at != NULL ? *at : 0;
}

/* Seven bits a byte, the highest first; the last byte has the eighth bit. */
static size_t
take_size(struct reader *reader)
{
    size_t value = 0;
    uint8_t byte;

    do {
        byte = take_byte(reader);
        if (value > SIZE_MAX >> 7)
            reader->broken = true;
        value = value << 7 | (byte & 0x7f);
    } while ((byte & 0x80) == 0 && !reader->broken);
    return reader->broken ? 0 : value;
}

static void
skip_string(struct reader *reader)
{
    size_t size = take_size(reader);

    if (size > 1)
        (void)take(reader, size - 1, 1);
}

static void
skip_constants(struct reader *reader)
{
    size_t count = take_size(reader);

    for (size_t i = 0; i < count && !reader->broken; i++) {
        switch (take_byte(reader)) {
        case TYPE_NIL:
        case TYPE_FALSE:
        case TYPE_TRUE:
            break;
        case TYPE_INTEGER:
            (void)take(reader, 1, sizeof(lua_Integer));
            break;
        case TYPE_NUMBER:
            (void)take(reader, 1, sizeof(lua_Number));
            break;
        case TYPE_SHORT_STRING:
        case TYPE_LONG_STRING:
            skip_string(reader);
            break;
        default:
            reader->broken = true;
        }
    }
}

static uint32_t
operation(const uint8_t *code, size_t i)
{
    uint32_t instruction;

    memcpy(&instruction, code + i * INSTRUCTION_BYTES, sizeof(instruction));
    return instruction & OPERATION_BITS;
}

/* Does anybody mean instruction ${i}? Not the first of a function with variable arguments, which
 * only prepares them, not the return behind a tail call, which is never reached, and not the last,
 * which returns at the function's `end`. */
static bool
is_meant(const uint8_t *code, size_t i, size_t count, bool variable)
{
    if (i == count - 1)
        return false;
    return i == 0 ? !variable : operation(code, i - 1) != OPERATION_TAIL_CALL;
}

/* Marks the lines of the ${code_count} instructions at ${code}. */
static void
mark_lines(struct reader *reader, const uint8_t *code, size_t code_count, size_t line,
    bool variable)
{
    size_t count = take_size(reader);
    const int8_t *differences = (const int8_t *)take(reader, count, 1);
    size_t absolutes = take_size(reader);

    if (count != code_count)
        reader->broken = true;
    for (size_t i = 0; i < count && !reader->broken; i++) {
        if (differences[i] == ABSOLUTE) {
            bool there = absolutes > 0 && take_size(reader) == i;

            line = take_size(reader);
            absolutes--;
            reader->broken = reader->broken || !there;
        } else {
            line += (size_t)(ptrdiff_t)differences[i];
        }
        if (!is_meant(code, i, count, variable))
            continue;
        if (line >= reader->mark_count)
            reader->broken = true;
        else
            reader->marks[line] = true;
    }
    reader->broken = reader->broken || absolutes != 0;
}

static void
skip_names(struct reader *reader)
{
    size_t count = take_size(reader);

    for (size_t i = 0; i < count && !reader->broken; i++) {     /* local variables */
        skip_string(reader);
        (void)take_size(reader);
        (void)take_size(reader);
    }
    count = take_size(reader);
    for (size_t i = 0; i < count && !reader->broken; i++)       /* upvalues */
        skip_string(reader);
}

static void
read_function(struct reader *reader, int depth)
{
    const uint8_t *code;
    size_t code_count;
    size_t line_defined;
    bool variable;
    size_t count;

    skip_string(reader);                        /* source */
    line_defined = take_size(reader);
    (void)take_size(reader);                    /* its last line */
    (void)take_byte(reader);                    /* parameters */
    variable = take_byte(reader) != 0;
    (void)take_byte(reader);                    /* registers */
    code_count = take_size(reader);
    code = take(reader, code_count, INSTRUCTION_BYTES);
    skip_constants(reader);
    (void)take(reader, take_size(reader), UPVALUE_BYTES);
    count = take_size(reader);
    if (depth == DEPTH_MAX)
        reader->broken = true;
    for (size_t i = 0; i < count && !reader->broken; i++)
        read_function(reader, depth + 1);
    mark_lines(reader, code, code_count, line_defined, variable);
    skip_names(reader);
}

static void
read_header(struct reader *reader)
{
    const uint8_t *text = take(reader, sizeof(LUA_SIGNATURE) - 1, 1);

    if (text != NULL)
        reader->broken = memcmp(text, LUA_SIGNATURE, sizeof(LUA_SIGNATURE) - 1) != 0;
    if (take_byte(reader) != VERSION || take_byte(reader) != FORMAT)
        reader->broken = true;
    text = take(reader, sizeof(CHECK) - 1, 1);
    if (text != NULL)
        reader->broken = memcmp(text, CHECK, sizeof(CHECK) - 1) != 0;
    if (take_byte(reader) != INSTRUCTION_BYTES || take_byte(reader) != sizeof(lua_Integer) ||
        take_byte(reader) != sizeof(lua_Number))
        reader->broken = true;
    (void)take(reader, 1, sizeof(lua_Integer));     /* samples of both, in this machine's form */
    (void)take(reader, 1, sizeof(lua_Number));
    (void)take_byte(reader);                        /* upvalues of the whole */
}

bool
aks_lines_mark(const uint8_t *data, size_t len, bool *marks, size_t mark_count)
{
    struct reader reader = { data, data + len, false, marks, mark_count };

    read_header(&reader);
    read_function(&reader, 0);
    return !reader.broken && reader.at == reader.end;
}
