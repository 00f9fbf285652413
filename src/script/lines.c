#include "script/lines.h"

#include "script/lines_internal.h"
#include "script/value.h"
#include "script/vm.h"

#include <string.h>

#define DUMP_BYTES_FIRST 4096

/* What lua_dump writes, as far as there was memory. Not in Lua's own: who looks on must not change
 * what is seen. */
struct dump {
    const struct aks_alloc *alloc;
    uint8_t *data;
    size_t len;
    size_t room;
};

static int
write_dump(lua_State *L, const void *bytes, size_t len, void *ctx)
{
    struct dump *dump = ctx;

    if (dump->room - dump->len < len) {
        size_t room = dump->room > 0 ? dump->room : DUMP_BYTES_FIRST;
        uint8_t *moved;

        while (room - dump->len < len)
            room *= 2;
        moved = aks_mem_resize(dump->alloc, dump->data, room);
        if (moved == NULL)
            return 1;
        dump->data = moved;
        dump->room = room;
    }
    if (len > 0)
        memcpy(dump->data + dump->len, bytes, len);
    dump->len += len;
    return 0;
}

/* One more than there are line ends, and line 0. Lua takes "\r\n" for one and "\r" alone for
 * another. */
static size_t
lines_at_most(const char *text, size_t len)
{
    size_t count = 2;

    for (size_t i = 0; i < len; i++)
        count += text[i] == '\n' || text[i] == '\r';
    return count;
}

void
aks_lines_tell_active(lua_State *L, const char *text, size_t len, const char *chunk)
{
    struct aks_vm *vm = aks_vm_of(L);
    const struct aks_script_lines *lines = vm->options->lines;
    struct dump dump = { .alloc = vm->alloc };
    bool understood = true;
    size_t count;
    bool *marks;
    bool whole;

    if (lines == NULL || lines->active == NULL || chunk[0] != '@')
        return;
    /* Nothing raises until all is given back: lua_dump allocates nothing and calls no Lua. */
    count = lines_at_most(text, len);
    marks = aks_mem_array(vm->alloc, count, sizeof(*marks));
    whole = marks != NULL && lua_dump(L, write_dump, &dump, 0) == 0;
    if (whole)
        understood = aks_lines_mark(dump.data, dump.len, marks, count);
    for (size_t i = 0; whole && understood && i < count; i++) {
        if (marks[i])
            lines->active(lines->ctx, chunk + 1, (int)i);
    }
    aks_mem_free(vm->alloc, dump.data);
    aks_mem_free(vm->alloc, marks);
    if (!whole)
        vm->no_memory = true;
    if (!whole)
        aks_value_raise(L, "not enough memory");
    if (!understood)
        aks_value_raise(L, "%s: its lines cannot be told with this version of Lua", chunk + 1);
}

void
aks_lines_tell(lua_State *L, lua_Debug *ar)
{
    struct aks_vm *vm = aks_vm_of(L);
    const struct aks_script_lines *lines = vm->options->lines;

    if (lines == NULL)
        return;
    (void)lua_getinfo(L, "S", ar);
    if (ar->source[0] != '@')
        return;
    vm->line_source = ar->source + 1;
    vm->line = ar->currentline;
    if (lines->line != NULL)
        lines->line(lines->ctx, ar->source + 1, ar->currentline);
}
