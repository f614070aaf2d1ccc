/* symbol.c: see symbol.h. */
#include "symbol.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void symbol_object(const void *return_address, const char **object, uintptr_t *offset)
{
    Dl_info info;
    if (dladdr((const char *)return_address - 1, &info) == 0) {
        *object = NULL;
        *offset = (uintptr_t)return_address - 1;
    } else {
        *object = info.dli_fname;
        *offset = (uintptr_t)return_address - 1 - (uintptr_t)info.dli_fbase;
    }
}

#ifndef HG_PIC /* the shim has its own: shim/symbol.c */

#include <elfutils/libdwfl.h>

struct symbols {
    Dwfl *dwfl;
};

static char *symbol_debuginfo_path; /* NULL: libdwfl's default: beside the object, .debug/, /usr/lib/debug */

static const Dwfl_Callbacks symbol_callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .debuginfo_path = &symbol_debuginfo_path,
};

/* report returns what dwfl_linux_proc_report() does: 0, an errno, or -1 for libdwfl's own errors. */
static int symbols_open(struct symbols **out, FILE *maps)
{
    *out = NULL;
    struct symbols *s = calloc(1, sizeof *s);
    if (s)
        s->dwfl = dwfl_begin(&symbol_callbacks);
    if (!s || !s->dwfl) {
        free(s);
        return -ENOMEM;
    }
    int err = maps ? dwfl_linux_proc_maps_report(s->dwfl, maps) : dwfl_linux_proc_report(s->dwfl, getpid());
    if (err == 0 && dwfl_report_end(s->dwfl, NULL, NULL) != 0)
        err = -1;
    if (err) {
        symbols_close(s);
        return err < 0 ? -EINVAL : -err;
    }
    *out = s;
    return 0;
}

struct symbols *symbols_of_self(void)
{
    struct symbols *s;
    return symbols_open(&s, NULL) == 0 ? s : NULL;
}

int symbols_of_maps(struct symbols **out, FILE *maps)
{
    return symbols_open(out, maps);
}

void symbols_close(struct symbols *s)
{
    if (!s)
        return;
    dwfl_end(s->dwfl);
    free(s);
}

/* The quick way is by .debug_aranges, which clang does not write: then every compilation unit is asked. */
static const char *symbol_line(Dwfl_Module *module, Dwarf_Addr address, int *number)
{
    Dwfl_Line *line = dwfl_module_getsrc(module, address);
    if (line)
        return dwfl_lineinfo(line, NULL, number, NULL, NULL, NULL);
    Dwarf_Addr bias;
    for (Dwarf_Die *unit = NULL; (unit = dwfl_module_nextcu(module, unit, &bias));) {
        if (dwarf_haspc(unit, address - bias) != 1)
            continue;
        Dwarf_Line *found = dwarf_getsrc_die(unit, address - bias);
        if (found && dwarf_lineno(found, number) == 0)
            return dwarf_linesrc(found, NULL, NULL);
    }
    return NULL;
}

void symbols_find(struct symbols *s, const void *return_address, struct symbol *out)
{
    memset(out, 0, sizeof *out);
    Dwarf_Addr address = (uintptr_t)return_address - 1;
    Dwfl_Module *module = dwfl_addrmodule(s->dwfl, address);
    if (!module)
        return;
    GElf_Off offset;
    GElf_Sym symbol;
    Dwarf_Addr bias;
    out->object = dwfl_module_info(module, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    out->function = dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, &bias);
    Dwarf_Addr relative = address;
    dwfl_module_relocate_address(module,
                                 &relative); /* fails for a program at fixed addresses: no offset then */
    out->offset = relative;
    int number = 0;
    out->file = symbol_line(module, address, &number);
    out->line = number > 0 ? (unsigned)number : 0;
}

#endif
