#include "env.h"
void env_record(struct record *r, const char *prefix)
{
    record_set_null(r, prefix);
}
