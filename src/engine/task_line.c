/* One source is read at a time (engine/pool.h), whoever reads it, in the order of coming. */
#include "base/check.h"
#include "engine/task_internal.h"

void
aks_task_line_enter(struct aks_task *task, struct reader *reader)
{
    AKS_CHECK(!reader->waiting);
    reader->waiting = true;
    reader->next = NULL;
    *task->line_last = reader;
    task->line_last = &reader->next;
    aks_task_line_go_on(task);
}

void
aks_task_line_leave(struct aks_task *task, struct reader *reader)
{
    struct reader **at = &task->line;

    if (!reader->waiting)
        return;
    reader->waiting = false;
    while (*at != NULL && *at != reader)
        at = &(*at)->next;
    if (*at == NULL)
        return;     /* the task is over, and the line was dropped */
    *at = reader->next;
    if (task->line_last == &reader->next)
        task->line_last = at;
    aks_task_line_go_on(task);
}

void
aks_task_line_go_on(struct aks_task *task)
{
    struct reader *reader = task->line;

    /* One at most: who begins to read is reading when start returns, or is done with it. */
    while (reader != NULL && !task->reading && !task->closed &&
        (!reader->sends || task->sending < AKS_TASK_SENDS_MAX)) {
        task->line = reader->next;
        if (task->line == NULL)
            task->line_last = &task->line;
        reader->waiting = false;
        task->reading = true;
        if (reader->sends)
            task->sending++;
        reader->start(reader->ctx);
        reader = task->line;
    }
}
