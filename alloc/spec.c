/* spec.c: see spec.h. */
#include "spec.h"

#include "list.h"

#include "alloc/base/compiler.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int spec_unknown(const char *word, struct message *m)
{
    const char *names[64];
    size_t n = 0;
    for (const struct backend *const *b = backend_list; *b && n < array_length(names); b++)
        names[n++] = (*b)->name;
    const char *near = param_nearest(word, names, n);
    char all[512] = "";
    for (size_t i = 0; i < n && strlen(all) + strlen(names[i]) + 2 < sizeof all; i++)
        strcat(strcat(all, i ? " " : ""), names[i]);
    if (near)
        return message_set(m, -EINVAL, "no backend '%s'; did you mean '%s'? (there are: %s)", word, near,
                           all);
    return message_set(m, -EINVAL, "no backend '%s' (there are: %s)", word, all);
}

/* One layer: NAME, NAME:PARAMS, NAME(INNER), NAME:PARAMS(INNER) or preload:LIBRARY; rest is what stands
 * between its parentheses, or NULL. text is written into. */
static int spec_layer(struct spec *spec, char *text, char **rest, struct message *m)
{
    struct spec_layer *layer = &spec->layer[spec->depth];
    char *open = strchr(text, '(');
    *rest = NULL;
    char *params = strchr(text, ':');
    bool library = params && strncmp(text, "preload", (size_t)(params - text)) == 0 && params - text == 7;
    if (open && !library) {
        size_t n = strlen(open);
        if (open[n - 1] != ')')
            return message_set(m, -EINVAL, "'%s': the parenthesis is not closed", spec->text);
        open[n - 1] = '\0';
        *open = '\0';
        *rest = open + 1;
        params = strchr(text, ':'); /* one inside the parentheses belongs to the inner layer */
    } else if (strchr(text, ')') && !library) {
        return message_set(m, -EINVAL, "'%s': a parenthesis closes that was not opened", spec->text);
    }
    if (params)
        *params++ = '\0';
    layer->backend = NULL;
    for (const struct backend *const *b = backend_list; *b; b++)
        if (strcmp((*b)->name, text) == 0)
            layer->backend = *b;
    if (!layer->backend)
        return *text ? spec_unknown(text, m)
                     : message_set(m, -EINVAL, "an allocator's name is missing in '%s'", spec->text);
    if (layer->backend->flags & ALLOC_LIBRARY) {
        if (!params || !*params)
            return message_set(
                m, -EINVAL,
                "%s needs a library: %s:jemalloc, another name that heapgauge list allocs prints, or %s:PATH",
                text, text, text);
        if (strlen(params) >= sizeof spec->library)
            return message_set(m, -EINVAL, "%s: the library's path is too long", text);
        strcpy(spec->library, params);
        return 0;
    }
    char owner[64];
    snprintf(owner, sizeof owner, "backend %s", layer->backend->name);
    if (params && !*params)
        return message_set(m, -EINVAL, "%s: nothing follows the colon", owner);
    return param_parse(layer->backend->params, layer->params, owner, params, m);
}

int spec_parse(struct spec *spec, const char *text, struct message *m)
{
    memset(spec, 0, sizeof *spec);
    size_t n = 0;
    for (const char *at = text; *at; at++) {
        if (isspace((unsigned char)*at))
            continue;
        if (n + 1 >= sizeof spec->text)
            return message_set(m, -EINVAL, "an allocator's spec is longer than %zu characters",
                               sizeof spec->text - 1);
        spec->text[n++] = *at;
    }
    char work[sizeof spec->text];
    strcpy(work, spec->text);
    char *at = work, *rest;
    bool locks = false;
    unsigned traces = 0;
    const char *guards = NULL; /* the wrapper that cannot stand around everything */
    do {
        if (spec->depth == SPEC_DEPTH_MAX)
            return message_set(m, -EINVAL, "'%s': more than %d layers", spec->text, SPEC_DEPTH_MAX);
        int err = spec_layer(spec, at, &rest, m);
        if (err)
            return err;
        const struct backend *b = spec->layer[spec->depth++].backend;
        bool wrapper = b->flags & ALLOC_WRAPPER;
        if (wrapper && (!rest || !*rest))
            return message_set(m, -EINVAL, "%s wraps a backend: write %s(pymalloc), for example", b->name,
                               b->name);
        if (!wrapper && rest)
            return message_set(m, -EINVAL, "%s is not a wrapper: '%s' cannot stand inside it", b->name, rest);
        locks |= b->flags & ALLOC_LOCKS;
        if (b->flags & ALLOC_GUARDS && !guards)
            guards = b->name;
        if (strcmp(b->name, "trace") == 0 && traces++)
            return message_set(m, -EINVAL, "trace() stands twice in '%s': once sees everything", spec->text);
        if (traces && b->flags & ALLOC_ALIASES)
            return message_set(
                m, -EINVAL,
                "trace() cannot wrap %s, which hands out the same memory again and again: trace(bump) works",
                b->name);
        if (guards && b->flags & ALLOC_LIBRARY)
            return message_set(
                m, -EINVAL,
                "%s() cannot wrap %s: a library takes the place of the C library's malloc, and its blocks "
                "are "
                "not all seen here. %s(system) or %s(pools) work, and 'heapgauge check' takes a library",
                guards, b->name, guards, guards);
        if (guards && b->flags & ALLOC_ALIASES)
            return message_set(
                m, -EINVAL,
                "%s() cannot wrap %s, which hands out the same memory again and again: %s(bump) works",
                guards, b->name, guards);
        spec->flags = b->flags;
        at = rest;
    } while (rest);
    if (locks)
        spec->flags |= ALLOC_THREADS;
    return 0;
}

int spec_check_program(const struct spec *spec, struct message *m)
{
    const struct backend *inner = spec->layer[spec->depth - 1].backend;
    if (inner->flags & ALLOC_LIBRARY)
        return message_set(
            m, -EINVAL,
            spec->depth > 1
                ? "'%s': a library takes malloc's place by itself, and no wrapper of ours sees its "
                  "calls: write %s alone, or wrap pools, bump, system or locked(pymalloc)"
                : "'%s' is not one of ours: it stands in malloc's place by itself: LD_PRELOAD=%s",
            spec->text, spec->library);
    if (inner->flags & ALLOC_ALIASES)
        return message_set(m, -EINVAL,
                           "%s hands out the same memory again and again: no program runs on it; the floor "
                           "for programs is bump",
                           inner->name);
    if (inner->flags & ALLOC_CALLS_MALLOC)
        return message_set(m, -EINVAL,
                           "%s hands requests on to malloc, and cannot stand in its place: locked(pymalloc) "
                           "is the same allocator",
                           inner->name);
    if (!(spec->flags & ALLOC_THREADS))
        return message_set(m, -EINVAL,
                           "%s has no lock, and a program may have threads: write locked(%s) in place of %s",
                           inner->name, inner->name, inner->name);
    return 0;
}
