/* What of DuckDB there is on this machine: its rows are read by whichever there is. */
#include "engine/doctor_internal.h"

#include "engine/rows_readers.h"
#include "engine/text.h"

#include <jansson.h>

/* What of databases it can read, by the version of the DuckDB that made them. */
static json_t *
reads(const struct aks_rows_reader *reader)
{
    return reader->reads_2 ? json_pack("[s, s]", "1.x", "2.x") : json_pack("[s]", "1.x");
}

static void
add(struct doctor *doctor, const struct aks_rows_reader *reader)
{
    json_t *entry = json_pack("{s:s, s:o, s:s, s:o}", "kind",
        aks_rows_reader_kind_name(reader->kind), "path", aks_text_json(reader->path), "version",
        reader->version, "reads", reads(reader));

    if (entry != NULL && reader->module != NULL)
        (void)json_object_set_new(entry, "module", aks_text_json(reader->module));
    (void)json_array_append_new(doctor->readers, entry);
}

static void
tell(struct doctor *doctor, const struct aks_rows_readers *readers)
{
    const struct aks_rows_reader *first = &readers->list[0];
    const char *told = readers->told;
    struct aks_error hint = { .status = AKS_OK };

    aks_rows_readers_hint(readers, readers->count > 0, &hint);
    if (readers->count > 0) {
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_OK, first->reads_2 ? NULL : hint.hint,
            "DuckDB %s is here (%s %s)%s%s%s", first->version, first->kind == AKS_ROWS_PYTHON
            ? "Python module of" : aks_rows_reader_kind_name(first->kind), first->path,
            first->reads_2 ? "" : "; databases that DuckDB 2.0 made are synced, but their rows "
            "cannot be read", told[0] == '\0' ? "" : "; not used: ", told);
    } else if (readers->off) {
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_OK, hint.hint, "rows of DuckDB "
            "databases are not read: " AKS_ROWS_READER_VARIABLE " is none");
    } else {
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_OK, hint.hint, "no DuckDB is here: "
            "files are synced all the same, and only their rows cannot be read%s%s",
            told[0] == '\0' ? "" : "; not used: ", told);
    }
}

void
aks_doctor_readers(struct doctor *doctor)
{
    struct aks_rows_readers readers;
    struct aks_error err;

    if (aks_rows_readers_find(doctor->port, NULL, NULL, &readers, &err) == AKS_OK) {
        for (size_t i = 0; i < readers.count; i++)
            add(doctor, &readers.list[i]);
        tell(doctor, &readers);
    } else {
        aks_doctor_tell(doctor, NULL, "readers", AKS_DOCTOR_UNKNOWN, NULL, "%s", err.message);
    }
    aks_rows_readers_fini(&readers);
}
