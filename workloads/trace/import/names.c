/* names.c: see names.h. */
#include "names.h"

#include "alloc/base/compiler.h"

static const struct {
    const char *name;
    enum function function;
} plain[] = {
    {"malloc", FUNCTION_MALLOC},
    {"free", FUNCTION_FREE},
    {"realloc", FUNCTION_REALLOC},
    {"calloc", FUNCTION_CALLOC},
    {"memalign", FUNCTION_MEMALIGN},
    {"aligned_alloc", FUNCTION_MEMALIGN},
    {"posix_memalign", FUNCTION_POSIX_MEMALIGN},
    {"reallocarray", FUNCTION_REALLOCARRAY},
    {"valloc", FUNCTION_VALLOC},
    {"pvalloc", FUNCTION_PVALLOC},
    {"cfree", FUNCTION_FREE},
    {"free_sized", FUNCTION_FREE},
    {"free_aligned_sized", FUNCTION_FREE},
    {"builtin_new", FUNCTION_MALLOC},
    {"builtin_vec_new", FUNCTION_MALLOC},
    {"builtin_delete", FUNCTION_FREE},
    {"builtin_vec_delete", FUNCTION_FREE},
};

static bool contains(struct line name, const char *text)
{
    return memmem(name.at, line_bytes(&name), text, strlen(text)) != NULL;
}

/* _Znwm, _Znaj, _ZnwmSt11align_val_tRKSt9nothrow_t; _ZdlPv, _ZdaPvm. */
static enum function mangled(struct line name)
{
    if (take_text(&name, "_Znw") || take_text(&name, "_Zna")) {
        if (!take_char(&name, 'm') && !take_char(&name, 'j') && !take_char(&name, 'y'))
            return FUNCTION_NONE;
        if (begins_with(&name, "St11align_val_t"))
            return FUNCTION_NEW_ALIGNED;
        return name.at == name.end || begins_with(&name, "RKSt9nothrow_t") ? FUNCTION_MALLOC : FUNCTION_NONE;
    }
    return begins_with(&name, "_ZdlPv") || begins_with(&name, "_ZdaPv") ? FUNCTION_FREE : FUNCTION_NONE;
}

/* operator new[](unsigned long, std::align_val_t). Placement new, (unsigned long, void*), does nothing. */
static enum function demangled(struct line name)
{
    if (take_text(&name, "operator delete"))
        return contains(name, "(void*, void*)") ? FUNCTION_NONE : FUNCTION_FREE;
    if (!take_text(&name, "operator new") || contains(name, "void*"))
        return FUNCTION_NONE;
    return contains(name, "std::align_val_t") ? FUNCTION_NEW_ALIGNED : FUNCTION_MALLOC;
}

enum function function_of(struct line name)
{
    if (begins_with(&name, "_Z"))
        return mangled(name);
    if (begins_with(&name, "operator "))
        return demangled(name);
    if (!take_text(&name, "__libc_"))
        take_text(&name, "__");
    for (size_t i = 0; i < array_length(plain); i++)
        if (word_is(&name, plain[i].name))
            return plain[i].function;
    return FUNCTION_NONE;
}

bool function_block(enum function f, const uint64_t args[3], struct function_block *out)
{
    *out = (struct function_block){.size = args[0]};
    switch (f) {
    case FUNCTION_CALLOC:
        return !__builtin_mul_overflow(args[0], args[1], &out->size);
    case FUNCTION_REALLOC:
        out->size = args[1];
        return true;
    case FUNCTION_REALLOCARRAY:
        return !__builtin_mul_overflow(args[1], args[2], &out->size);
    case FUNCTION_MEMALIGN:
        out->align = args[0];
        out->size = args[1];
        return true;
    case FUNCTION_NEW_ALIGNED:
        out->align = args[1];
        return true;
    case FUNCTION_POSIX_MEMALIGN:
        out->align = args[1];
        out->size = args[2];
        return true;
    case FUNCTION_PVALLOC:
        out->align = FUNCTION_PAGE_BYTES;
        out->size = args[0] ? args[0] : 1;
        if (__builtin_add_overflow(out->size, FUNCTION_PAGE_BYTES - 1, &out->size))
            return false;
        out->size &= ~(uint64_t)(FUNCTION_PAGE_BYTES - 1);
        return true;
    case FUNCTION_VALLOC:
        out->align = FUNCTION_PAGE_BYTES;
        return true;
    case FUNCTION_MALLOC:
    case FUNCTION_FREE:
    case FUNCTION_NONE:
        break;
    }
    return true;
}
