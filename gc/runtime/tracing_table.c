/* tracing_table.c: the table of all objects (gc/rc/rc_tracing.h). */
#include "object.h"

#include "alloc/base/os.h"

#if HG_RC == HG_RC_TRACING
struct object **tracing_table;
size_t tracing_count;

static struct os_account tracing_account;

int tracing_table_open(void)
{
    tracing_count = 0;
    tracing_table = os_map(&tracing_account, TRACING_OBJECTS_MAX * sizeof *tracing_table, 0, OS_RESERVE);
    return tracing_table ? 0 : -ENOMEM;
}

void tracing_table_close(void)
{
    if (tracing_table)
        os_unmap(&tracing_account, tracing_table, TRACING_OBJECTS_MAX * sizeof *tracing_table);
    tracing_table = NULL;
    tracing_count = 0;
}
#else
typedef int tracing_table_unused; /* another policy */
#endif
