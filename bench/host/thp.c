/* thp.c: see thp.h. */
#include "thp.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#ifndef PR_THP_DISABLE_EXCEPT_ADVISED
#define PR_THP_DISABLE_EXCEPT_ADVISED (1 << 1)
#endif

#define THP_FOLDER "/sys/kernel/mm/transparent_hugepage"

const char *const thp_words[THPS] = {"inherit", "never", "madvise", "always"};

enum thp thp_of(const char *word)
{
    enum thp t = 0;
    while (t < THPS && strcmp(thp_words[t], word) != 0)
        t++;
    return t;
}

/* --- the machine ---------------------------------------------------------------------------------------- */

/* The first line; false when there is none. */
static bool thp_line(const char *root, const char *name, char *out, int size)
{
    char path[PATH_MAX];
    FILE *f = snprintf(path, sizeof path, "%s" THP_FOLDER "/%s", root, name) < (int)sizeof path
                  ? fopen(path, "re")
                  : NULL;
    bool read = f && fgets(out, size, f);
    if (f)
        fclose(f);
    return read;
}

/* The word in brackets; THPS when the file is not there or has none of ours. "inherit" is of one size. */
static enum thp thp_chosen(const char *root, const char *name)
{
    char line[128], word[32];
    const char *open = thp_line(root, name, line, sizeof line) ? strchr(line, '[') : NULL;
    return open && sscanf(open, "[%31[a-z]]", word) == 1 ? thp_of(word) : THPS;
}

/* Of each size that has a setting of its own. */
static void thp_read_sizes(struct thp_machine *out, const char *root, unsigned long pmd_kib)
{
    char path[PATH_MAX], name[300];
    enum thp all = out->pmd;
    DIR *dir = snprintf(path, sizeof path, "%s" THP_FOLDER, root) < (int)sizeof path ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        unsigned long kib;
        if (sscanf(e->d_name, "hugepages-%lukB", &kib) != 1)
            continue;
        snprintf(name, sizeof name, "%s/enabled", e->d_name);
        enum thp own = thp_chosen(root, name);
        if (own == THP_INHERIT)
            own = all;
        if (kib == pmd_kib && own < THPS)
            out->pmd = own;
        else
            out->small_always |= own == THP_ALWAYS;
    }
    if (dir)
        closedir(dir);
}

static bool thp_takes(int had, unsigned long flags)
{
    if (prctl(PR_SET_THP_DISABLE, 1ul, flags, 0ul, 0ul) != 0)
        return false;
    prctl(PR_SET_THP_DISABLE, (unsigned long)(had & 1), (unsigned long)(had & ~1), 0ul, 0ul);
    return true;
}

void thp_machine_read(struct thp_machine *out, const char *root)
{
    char line[64];
    *out = (struct thp_machine){.pmd = thp_chosen(root, "enabled")};
    out->there = out->pmd < THPS;
    if (out->there && thp_line(root, "hpage_pmd_size", line, sizeof line))
        thp_read_sizes(out, root, strtoul(line, NULL, 10) / 1024);
    int had = prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul);
    if (had < 0)
        return;
    out->can_disable = thp_takes(had, 0);
    out->can_except = thp_takes(had, PR_THP_DISABLE_EXCEPT_ADVISED);
}

bool thp_is_disabled(void)
{
    return prctl(PR_GET_THP_DISABLE, 0ul, 0ul, 0ul, 0ul) > 0;
}

/* --- what a process can do ------------------------------------------------------------------------------ */

static int thp_plan_madvise(struct thp_plan *out, const struct thp_machine *machine, struct message *m)
{
    if (machine->pmd == THP_NEVER)
        return message_set(m, -ENOTSUP,
                           "thp=madvise: the machine's setting is never, and asking is in vain "
                           "(echo madvise > " THP_FOLDER "/enabled)");
    if (machine->pmd == THP_MADVISE && !machine->small_always)
        return 0;
    if (!machine->can_except)
        return message_set(
            m, -ENOTSUP,
            "thp=madvise: the machine's setting is always, which a process can narrow from Linux "
            "6.18 on (echo madvise > " THP_FOLDER "/enabled)");
    out->disable = 1;
    out->flags = PR_THP_DISABLE_EXCEPT_ADVISED;
    return 0;
}

static int thp_plan_always(struct thp_plan *out, const struct thp_machine *machine, const char *alloc,
                           bool maps_ours, struct message *m)
{
    if (machine->pmd == THP_ALWAYS)
        return 0;
    if (machine->pmd == THP_NEVER)
        return message_set(
            m, -ENOTSUP, "thp=always: the machine's setting is never (echo always > " THP_FOLDER "/enabled)");
    if (!maps_ours)
        return message_set(
            m, -ENOTSUP,
            "thp=always: the machine's setting is madvise, and nobody can ask for %.100s from "
            "outside: its own settings may (glibc.malloc.hugetlb=1, thp:always), or echo always > " THP_FOLDER
            "/enabled",
            alloc);
    out->advise = true;
    return 0;
}

int thp_plan(struct thp_plan *out, enum thp wanted, const struct thp_machine *machine, const char *alloc,
             bool maps_ours, struct message *m)
{
    *out = (struct thp_plan){.set = wanted != THP_INHERIT && machine->can_disable};
    if (wanted == THP_INHERIT || (wanted == THP_NEVER && !machine->there))
        return 0;
    if (!machine->there)
        return message_set(m, -ENOTSUP, "thp=%s: this kernel has no transparent huge pages",
                           thp_words[wanted]);
    if (wanted == THP_MADVISE)
        return thp_plan_madvise(out, machine, m);
    if (wanted == THP_ALWAYS)
        return thp_plan_always(out, machine, alloc, maps_ours, m);
    out->disable = 1;
    if (machine->can_disable || (machine->pmd == THP_NEVER && !machine->small_always))
        return 0;
    return message_set(m, -ENOTSUP,
                       "thp=never: the kernel does not let this process do without huge pages "
                       "(prctl PR_SET_THP_DISABLE)");
}

int thp_apply(const struct thp_plan *plan)
{
    return plan->set && prctl(PR_SET_THP_DISABLE, plan->disable, plan->flags, 0ul, 0ul) != 0 ? -errno : 0;
}
