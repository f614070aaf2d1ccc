/* object.c: see object.h. Looks symbols up in the GNU hash table, which all objects of a glibc system have.
 * Reference: elf(5); the table's layout as in glibc's elf/dl-lookup.c. */
#include "object.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct object_table {
    ElfW(Addr) base;
    const ElfW(Sym) * symbol;
    const char *text;
    const uint32_t *hash; /* buckets, first symbol, words of the filter, shift; filter, buckets, chain */
};

struct object_question {
    const char *file, *beside, *name;
    void *answer;
};

static uint32_t object_hash(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

/* The loader has made most addresses in a dynamic section absolute; not those of the kernel's object. */
static const void *object_address(const struct dl_phdr_info *info, ElfW(Addr) address)
{
    return (const void *)(address < info->dlpi_addr ? info->dlpi_addr + address : address);
}

static bool object_open(struct object_table *t, const struct dl_phdr_info *info)
{
    *t = (struct object_table){.base = info->dlpi_addr};
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
            continue;
        const ElfW(Dyn) *d = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        for (; d->d_tag != DT_NULL; d++) {
            if (d->d_tag == DT_SYMTAB)
                t->symbol = object_address(info, d->d_un.d_ptr);
            else if (d->d_tag == DT_STRTAB)
                t->text = object_address(info, d->d_un.d_ptr);
            else if (d->d_tag == DT_GNU_HASH)
                t->hash = object_address(info, d->d_un.d_ptr);
        }
    }
    return t->symbol && t->text && t->hash;
}

static void *object_find(const struct object_table *t, const char *name)
{
    uint32_t buckets = t->hash[0], first = t->hash[1], filter = t->hash[2], h = object_hash(name);
    if (!buckets)
        return NULL;
    const uint32_t *bucket = t->hash + 4 + filter * (sizeof(ElfW(Addr)) / sizeof *bucket);
    const uint32_t *chain = bucket + buckets;
    uint32_t i = bucket[h % buckets];
    if (i < first)
        return NULL;
    for (;; i++) {
        const ElfW(Sym) *s = &t->symbol[i];
        if (((chain[i - first] ^ h) & ~1u) == 0 && s->st_shndx != SHN_UNDEF &&
            ELF64_ST_TYPE(s->st_info) == STT_FUNC && strcmp(t->text + s->st_name, name) == 0)
            return (void *)(t->base + s->st_value);
        if (chain[i - first] & 1)
            return NULL;
    }
}

static int object_visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct object_question *q = arg;
    struct object_table t;
    const char *slash = strrchr(info->dlpi_name, '/');
    if ((q->file && strcmp(slash ? slash + 1 : info->dlpi_name, q->file) != 0) || !object_open(&t, info) ||
        (q->beside && !object_find(&t, q->beside)))
        return 0;
    q->answer = object_find(&t, q->name);
    return q->answer != NULL;
}

void *object_function(const char *file, const char *beside, const char *name)
{
    struct object_question q = {file, beside, name, NULL};
    dl_iterate_phdr(object_visit, &q);
    return q.answer;
}
