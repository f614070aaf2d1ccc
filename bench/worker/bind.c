/* bind.c: binds a worker to the processors and the NUMA node of its cell. By the system call itself: the
 * workers link no libnuma. A kernel without NUMA has node 0 alone, and all memory is there. Reference:
 * set_mempolicy(2). */
#include "worker.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

void worker_bind(const struct worker_cell *cell, unsigned index)
{
    if (!cell->cpus)
        return;
    cpu_set_t set, got;
    CPU_ZERO(&set);
    CPU_SET((size_t)cell->cpu[index % cell->cpus], &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0 || sched_getaffinity(0, sizeof got, &got) != 0 ||
        !CPU_EQUAL(&set, &got))
        say_fail("not-applicable",
                 "the kernel does not let this process bind to the processors of its placement");
}

void worker_bind_memory(const struct worker_cell *cell)
{
    unsigned long mask[WORKER_NODES_MAX / (8 * sizeof(unsigned long))] = {0};
    unsigned bits = 8 * sizeof *mask;
    int node = cell->node;
    if (node < 0)
        return;
    mask[(unsigned)node / bits] = 1ul << (unsigned)node % bits;
    if (syscall(SYS_set_mempolicy, MPOL_BIND, mask, WORKER_NODES_MAX + 1) != 0 &&
        !(errno == ENOSYS && node == 0))
        say_fail("not-applicable",
                 "the kernel does not let this process bind its memory to the NUMA node of its placement");
}
