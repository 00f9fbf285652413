/* Who wants to know which lines of a policy run: for its author's coverage.
 *
 * A line can run if some instruction stands on it, other than the returns that Lua adds: not blank
 * lines, comments, `else`, the line that a function begins on, or the `end` of a block. The `end`
 * of a function can: there the code around it makes the function. Several statements on one line
 * are one line, and a function on one line has run when it was made. */
#ifndef AKS_SCRIPT_LINES_H
#define AKS_SCRIPT_LINES_H

/* ${file} is the policy's path as shown, or that of a module beside it, and lives as long as the
 * call. Our own modules are not told. Both are called with the policy half way: they may not load,
 * ask or free it. Either may be NULL. */
struct aks_script_lines {
    /* Each time that the line begins to run; also a line without `active`, such as the `end` of a
     * function that comes to its end. */
    void (*line)(void *ctx, const char *file, int line);
    /* The lines that can run, ascending, each once: before the file's first line runs, at each load
     * of it. */
    void (*active)(void *ctx, const char *file, int line);
    void *ctx;
};

#endif
