/* place.c: see place.h. The only file that includes hwloc. */
#include "place.h"

#include "alloc/base/param.h"
#include "cgroup.h"

#include <errno.h>
#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

struct place {
    hwloc_topology_t topology;
    hwloc_bitmap_t usable; /* PUs of this process's binding, taken when opened */
    unsigned quota_cpus;   /* UINT_MAX when there is none */
    unsigned pus;          /* room that an order needs: PUs of the machine */
};

int place_open(struct place **out, struct message *m)
{
    struct place *p = calloc(1, sizeof *p);
    if (!p)
        return message_set(m, -ENOMEM, "placement: no memory");
    if (hwloc_topology_init(&p->topology) != 0) {
        free(p);
        return message_set(m, -ENOMEM, "placement: hwloc cannot start");
    }
    p->usable = hwloc_bitmap_alloc();
    int failed = !p->usable || hwloc_topology_load(p->topology) != 0;
    /* hwloc quietly falls back to the real machine when it cannot read a made-up one. */
    const char *synthetic = getenv("HWLOC_SYNTHETIC");
    if (!failed && synthetic && *synthetic) {
        const char *backend = hwloc_obj_get_info_by_name(hwloc_get_root_obj(p->topology), "Backend");
        failed = !backend || strcmp(backend, "Synthetic") != 0;
    }
    if (failed) {
        place_close(p);
        return message_set(m, -EINVAL, "placement: hwloc cannot read the topology%s%s",
                           synthetic ? " of HWLOC_SYNTHETIC=" : "", synthetic ? synthetic : "");
    }
    hwloc_const_bitmap_t all = hwloc_topology_get_allowed_cpuset(p->topology);
    if (hwloc_get_cpubind(p->topology, p->usable, HWLOC_CPUBIND_PROCESS) != 0)
        hwloc_bitmap_copy(p->usable, all);
    hwloc_bitmap_and(p->usable, p->usable, all);
    if (hwloc_bitmap_iszero(p->usable))
        hwloc_bitmap_copy(p->usable, all);
    p->pus = (unsigned)hwloc_get_nbobjs_by_type(p->topology, HWLOC_OBJ_PU);
    p->quota_cpus = UINT_MAX;
    struct cgroup group;
    if (hwloc_topology_is_thissystem(p->topology)) {
        cgroup_read(&group, "");
        if (group.quota_millicpus != CGROUP_UNKNOWN)
            p->quota_cpus = (unsigned)((group.quota_millicpus + 999) / 1000);
    }
    *out = p;
    return 0;
}

void place_close(struct place *p)
{
    if (!p)
        return;
    if (p->usable)
        hwloc_bitmap_free(p->usable);
    hwloc_topology_destroy(p->topology);
    free(p);
}

unsigned place_default_threads(const struct place *p)
{
    unsigned usable = (unsigned)hwloc_bitmap_weight(p->usable);
    unsigned threads = usable < p->quota_cpus ? usable : p->quota_cpus;
    if (threads > PLACE_THREADS_MAX)
        threads = PLACE_THREADS_MAX;
    return threads ? threads : 1;
}

void place_summarise(const struct place *p, struct place_summary *out)
{
    hwloc_topology_t t = p->topology;
    *out = (struct place_summary){
        .packages = (unsigned)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE),
        .numa_nodes = (unsigned)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE),
        .cores = (unsigned)hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE),
        .pus = p->pus,
        .usable_pus = (unsigned)hwloc_bitmap_weight(p->usable),
        .this_system = hwloc_topology_is_thissystem(t) != 0,
    };
    for (hwloc_obj_t core = NULL; (core = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_CORE, core));) {
        out->smt |= hwloc_bitmap_weight(core->cpuset) > 1;
        out->usable_cores += hwloc_bitmap_intersects(core->cpuset, p->usable) != 0;
    }
}

/* --- orders: each writes the OS numbers of the PUs in `within`, and returns how many
 * ---------------------------------- */

static unsigned place_compact(const struct place *p, hwloc_const_bitmap_t within, unsigned *order)
{
    unsigned n = 0;
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(p->topology, HWLOC_OBJ_PU, pu));)
        if (hwloc_bitmap_isset(within, pu->os_index))
            order[n++] = pu->os_index;
    return n;
}

/* Rounds over the cores: the first PU that may be used of each, then the second of each, and so on. */
static unsigned place_cores(const struct place *p, hwloc_const_bitmap_t within, unsigned *order)
{
    unsigned n = 0, total = (unsigned)hwloc_bitmap_weight(within);
    if (hwloc_get_nbobjs_by_type(p->topology, HWLOC_OBJ_CORE) <= 0)
        return place_compact(p, within, order);
    for (unsigned round = 0; n < total; round++) {
        unsigned before = n;
        for (hwloc_obj_t core = NULL;
             (core = hwloc_get_next_obj_by_type(p->topology, HWLOC_OBJ_CORE, core));) {
            unsigned sibling = 0;
            for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_inside_cpuset_by_type(
                                             p->topology, core->cpuset, HWLOC_OBJ_PU, pu));)
                if (hwloc_bitmap_isset(within, pu->os_index) && sibling++ == round)
                    order[n++] = pu->os_index;
        }
        if (n == before) /* what is left stands below no core */
            break;
    }
    return n;
}

/* The children's orders, merged in turn: neighbours in the list are as far apart in the tree as they can be.
 * Writes to order and uses as much of spare; both have room for every PU below obj. */
static unsigned place_scatter(hwloc_obj_t obj, hwloc_const_bitmap_t within, unsigned *order, unsigned *spare)
{
    if (!obj->cpuset || !hwloc_bitmap_intersects(obj->cpuset, within))
        return 0;
    if (obj->type == HWLOC_OBJ_PU) {
        order[0] = obj->os_index;
        return 1;
    }
    unsigned total = 0, written = 0;
    unsigned *start = calloc(obj->arity + 1, sizeof *start);
    if (!start)
        return 0;
    for (unsigned i = 0; i < obj->arity; i++) {
        total += place_scatter(obj->children[i], within, spare + total, order + total);
        start[i + 1] = total;
    }
    for (unsigned round = 0; written < total; round++)
        for (unsigned i = 0; i < obj->arity; i++)
            if (round < start[i + 1] - start[i])
                order[written++] = spare[start[i] + round];
    free(start);
    return total;
}

static int place_node_set(const struct place *p, const char *text, hwloc_bitmap_t set, int *node,
                          struct message *m)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    hwloc_obj_t found = NULL, obj = NULL;
    char known[256] = "";
    while ((obj = hwloc_get_next_obj_by_type(p->topology, HWLOC_OBJ_NUMANODE, obj))) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%u", n ? " " : "", obj->os_index);
        if (obj->os_index == number)
            found = obj;
    }
    if (*text < '0' || *text > '9' || *end || errno || !found)
        return message_set(m, -EINVAL,
                           "placement 'numa:%s': there is no such NUMA node (this machine has: %s)", text,
                           known);
    hwloc_bitmap_and(set, found->cpuset, p->usable);
    if (hwloc_bitmap_iszero(set))
        return message_set(m, -EINVAL, "placement 'numa:%s': this process may use none of the node's %d CPUs",
                           text, hwloc_bitmap_weight(found->cpuset));
    *node = (int)number;
    return 0;
}

static int place_unknown(const char *policy, struct message *m)
{
    static const char *const names[] = {"none", "compact", "cores", "scatter", "numa:0"};
    const char *near = param_nearest(policy, names, sizeof names / sizeof *names);
    return message_set(m, -EINVAL, "placement '%s' is not known%s%s%s (it takes %s)", policy,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", PLACE_POLICIES);
}

int place_plan(const struct place *p, const char *policy, unsigned threads, struct place_plan *plan,
               struct message *m)
{
    *plan = (struct place_plan){.memory_node = -1};
    if (threads == 0 || threads > PLACE_THREADS_MAX)
        return message_set(m, -EINVAL, "placement: %u threads; 1 to %d can be placed", threads,
                           PLACE_THREADS_MAX);
    if (strcmp(policy, "none") == 0)
        return 0;
    unsigned *order = calloc(p->pus, 2 * sizeof *order); /* the second half is scatter's spare room */
    hwloc_bitmap_t within = hwloc_bitmap_dup(p->usable);
    unsigned n = 0;
    int err = 0;
    if (!order || !within)
        err = message_set(m, -ENOMEM, "placement: no memory");
    else if (strcmp(policy, "compact") == 0)
        n = place_compact(p, within, order);
    else if (strcmp(policy, "cores") == 0)
        n = place_cores(p, within, order);
    else if (strcmp(policy, "scatter") == 0)
        n = place_scatter(hwloc_get_root_obj(p->topology), within, order, order + p->pus);
    else if (strncmp(policy, "numa:", 5) == 0) {
        err = place_node_set(p, policy + 5, within, &plan->memory_node, m);
        n = err ? 0 : place_cores(p, within, order);
    } else
        err = place_unknown(policy, m);
    if (!err && n == 0)
        err = message_set(m, -ENOMEM, "placement '%s': no CPU found to bind to", policy);
    for (unsigned i = 0; !err && i < threads; i++)
        plan->cpu[plan->count++] = order[i % n];
    hwloc_bitmap_free(within);
    free(order);
    return err;
}

int place_bind_thread(const struct place *p, unsigned cpu, struct message *m)
{
    if (!hwloc_topology_is_thissystem(p->topology))
        return message_set(m, -ENOTSUP,
                           "placement: the topology is not this machine's, so nothing can be bound");
    hwloc_bitmap_t want = hwloc_bitmap_alloc(), is = hwloc_bitmap_alloc();
    int err = want && is ? 0 : -ENOMEM;
    if (!err) {
        hwloc_bitmap_only(want, cpu);
        if (hwloc_set_cpubind(p->topology, want, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) != 0 ||
            hwloc_get_cpubind(p->topology, is, HWLOC_CPUBIND_THREAD) != 0)
            err = -errno;
        else if (!hwloc_bitmap_isequal(want, is))
            err = -EIO;
    }
    hwloc_bitmap_free(want);
    hwloc_bitmap_free(is);
    return err ? message_set(m, err, "placement: cannot bind to CPU %u: %s", cpu, strerror(-err)) : 0;
}

int place_format(const struct place_plan *plan, char *buf, size_t size)
{
    size_t at = 0;
    if (size)
        buf[0] = '\0';
    for (unsigned i = 0; i < plan->count; i++) {
        int n = snprintf(buf + at, size - at, "%s%u", i ? "," : "", plan->cpu[i]);
        if (n < 0 || (size_t)n >= size - at)
            return -ENOSPC;
        at += (size_t)n;
    }
    return size ? 0 : -ENOSPC;
}
