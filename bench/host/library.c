/* library.c: see library.h. The file is read (by libelf, which checks what it holds), never loaded: it may be
 * anything, and its constructors are not ours to run. */
#include "library.h"

#include "alloc/base/param.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __x86_64__
#define LIBRARY_TRIPLET "x86_64-linux-gnu"
#define LIBRARY_MACHINE EM_X86_64
#elif defined __aarch64__
#define LIBRARY_TRIPLET "aarch64-linux-gnu"
#define LIBRARY_MACHINE EM_AARCH64
#elif defined __riscv
#define LIBRARY_TRIPLET "riscv64-linux-gnu"
#define LIBRARY_MACHINE EM_RISCV
#else
#error "library.c: name the Debian triplet and the ELF machine of this architecture"
#endif
#define LIBRARY_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static const struct library_known {
    const char *name;
    const char *files[4]; /* the newest first */
    const char *packages; /* Debian's; NULL: none has it */
} known_libraries[] = {
    {"jemalloc", {"libjemalloc.so.2"}, "libjemalloc2"},
    {"mimalloc",
     {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0"},
     "libmimalloc3, in Debian 12 libmimalloc2.0"},
    {"tcmalloc",
     {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"},
     "libtcmalloc-minimal4t64, in Debian 12 libtcmalloc-minimal4"},
    {"tbbmalloc", {"libtbbmalloc_proxy.so.2"}, "libtbbmalloc2"},
    {"rpmalloc",
     {"librpmalloc.so.1", "librpmalloc.so", "librpmallocwrap.so"},
     "librpmalloc1, from Debian 14 on"},
    {"snmalloc", {"libsnmallocshim.so"}, NULL},
    {"hoard", {"libhoard.so"}, NULL},
    {"mesh", {"libmesh.so"}, NULL},
};
#define KNOWN_COUNT (sizeof known_libraries / sizeof *known_libraries)
#define FILES_MAX   (sizeof known_libraries->files / sizeof *known_libraries->files)

const char *const library_names[] = {"jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "rpmalloc",
                                     "snmalloc", "hoard",    "mesh",     NULL};
_Static_assert(sizeof library_names / sizeof *library_names == KNOWN_COUNT + 1, "one name for each");

static const char *const system_directories[] = {
    "/usr/local/lib/" LIBRARY_TRIPLET,
    "/usr/local/lib",
    "/usr/lib/" LIBRARY_TRIPLET,
    "/lib/" LIBRARY_TRIPLET,
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
    "/lib",
};

/* --- is it one? ----------------------------------------------------------------------------------------- */

static bool library_symbols_define(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *wanted)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data ? data->d_size / gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT) : 0;
    for (size_t i = 0; i < count && i < INT_MAX; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol))
            break;
        unsigned type = GELF_ST_TYPE(symbol.st_info), binding = GELF_ST_BIND(symbol.st_info);
        if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) ||
            (binding != STB_GLOBAL && binding != STB_WEAK))
            continue;
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (name && strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

bool library_defines(Elf *elf, const char *function)
{
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));)
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNSYM &&
            library_symbols_define(elf, section, &header, function))
            return true;
    return false;
}

bool library_is_of_this_machine(Elf *elf)
{
    GElf_Ehdr head;
    return gelf_getehdr(elf, &head) &&
           head.e_ident[EI_CLASS] == (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) &&
           head.e_ident[EI_DATA] == LIBRARY_DATA && head.e_machine == LIBRARY_MACHINE;
}

static int library_examine(Elf *elf, const char *path, struct message *m)
{
    GElf_Ehdr head;
    if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &head))
        return message_set(m, -ENOEXEC, "%s is not a shared library (no ELF header)", path);
    if (!library_is_of_this_machine(elf))
        return message_set(m, -ENOEXEC, "%s is a library for another kind of machine", path);
    if (head.e_type != ET_DYN)
        return message_set(m, -ENOEXEC, "%s is an ELF file, but not a shared library", path);
    size_t sections = 0, seen = 0;
    if (elf_getshdrnum(elf, &sections) != 0)
        return message_set(m, -ENOEXEC, "%s is damaged: %s", path, elf_errmsg(-1));
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)); seen++) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return message_set(m, -ENOEXEC, "%s is damaged: %s", path, elf_errmsg(-1));
    }
    if (sections > 1 && !seen)
        return message_set(m, -ENOEXEC, "%s is damaged: its section table lies outside the file", path);
    bool has_malloc = library_defines(elf, "malloc"), has_free = library_defines(elf, "free");
    if (!has_malloc || !has_free)
        return message_set(m, -ENOEXEC, "%s does not define %s: it cannot take malloc's place", path,
                           has_malloc ? "free"
                           : has_free ? "malloc"
                                      : "malloc and free");
    return 0;
}

static int library_check(const char *path, struct message *m)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;
    struct stat st;
    if (fd < 0)
        return message_set(m, -errno, "library %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0) {
        err = message_set(m, -errno, "library %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        err = message_set(m, -ENOEXEC, "%s is not a file", path);
    } else {
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
        err = library_examine(elf, path, m);
        elf_end(elf);
    }
    close(fd);
    return err;
}

/* --- where is it? --------------------------------------------------------------------------------------- */

/* The first of the files that is in the directory. */
static bool library_in(const char *directory, size_t directory_length, const char *const *files, size_t count,
                       char *path, size_t size)
{
    for (size_t i = 0; i < count && files[i]; i++) {
        int n = snprintf(path, size, "%.*s/%s", (int)directory_length, directory, files[i]);
        if (n > 0 && (size_t)n < size && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* A directory that comes first goes before a file that does. */
static bool library_search(const char *const *files, size_t count, char *path, size_t size)
{
    const char *own = getenv("LD_LIBRARY_PATH");
    while (own && *own) {
        size_t n = strcspn(own, ":;"); /* the loader takes both */
        if (n && library_in(own, n, files, count, path, size))
            return true;
        own += n + (own[n] != '\0');
    }
    for (size_t i = 0; i < sizeof system_directories / sizeof *system_directories; i++)
        if (library_in(system_directories[i], strlen(system_directories[i]), files, count, path, size))
            return true;
    return false;
}

/* Names with a blank between, of all or of those that are in a library directory. */
static const char *library_list(bool installed, char *out, size_t size)
{
    char path[PATH_MAX];
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < KNOWN_COUNT && n < size; i++)
        if (!installed || library_search(known_libraries[i].files, FILES_MAX, path, sizeof path))
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "", known_libraries[i].name);
    return n ? out : "none";
}

static int library_find(const char *name, char *path, size_t size, struct message *m)
{
    char all[128], installed[128];
    if (strchr(name, '/')) {
        int n = snprintf(path, size, "%s", name);
        if (n < 0 || (size_t)n >= size)
            return message_set(m, -ENAMETOOLONG, "library %s: the path is too long", name);
        return access(path, F_OK) == 0 ? 0 : message_set(m, -errno, "library %s: %s", name, strerror(errno));
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const struct library_known *k = &known_libraries[i];
        if (strcmp(name, k->name) != 0)
            continue;
        if (library_search(k->files, FILES_MAX, path, size))
            return 0;
        return message_set(
            m, -ENOENT, "%s is not installed: %s is in no library directory (%s%s; installed: %s)", name,
            k->files[0],
            k->packages ? "Debian: apt install " : "no package of Debian: put it into one, or write its path",
            k->packages ? k->packages : "", library_list(true, installed, sizeof installed));
    }
    if (strstr(name, ".so"))
        return library_search(&name, 1, path, size)
                   ? 0
                   : message_set(m, -ENOENT, "library %s is in no library directory", name);
    size_t word = strcspn(name, ":=,");
    if (name[word])
        return message_set(m, -EINVAL,
                           "preload:%s: a library has no parameters; its settings are variables, in braces: "
                           "preload:%.*s{MALLOC_CONF=...}, or that which it reads",
                           name, (int)word, name);
    const char *near = param_nearest(name, library_names, KNOWN_COUNT);
    return message_set(m, -EINVAL,
                       "no library is known by the name '%s'%s%s%s (there are: %s; installed: %s; or write a "
                       "path with a slash)",
                       name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
                       library_list(false, all, sizeof all), library_list(true, installed, sizeof installed));
}

int library_resolve(const char *name_or_path, char *path, size_t size, struct message *m)
{
    char found[PATH_MAX], real[PATH_MAX];
    int err = library_find(name_or_path, found, sizeof found, m);
    if (err)
        return err;
    if (!realpath(found, real))
        return message_set(m, -errno, "library %s: %s", found, strerror(errno));
    if (strpbrk(real, ": \t\n")) /* the loader splits LD_PRELOAD at these, and knows no quotes */
        return message_set(m, -EINVAL, "library '%s': LD_PRELOAD cannot take a path with a blank or a colon",
                           real);
    if (strlen(real) >= size)
        return message_set(m, -ENAMETOOLONG, "library %s: the path is too long", real);
    strcpy(path, real);
    return library_check(real, m);
}
