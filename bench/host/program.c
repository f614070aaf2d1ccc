/* program.c: see program.h. Reference: ld.so(8) on LD_PRELOAD and secure-execution mode, execve(2) on
 * interpreters. */
#include "program.h"

#include "library.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PROGRAM_SCRIPTS_MAX 4 /* interpreters of interpreters, as in the kernel */

static bool program_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool program_find(const char *name, char *path, size_t size)
{
    const char *folders = getenv("PATH");
    if (strchr(name, '/'))
        return (size_t)snprintf(path, size, "%s", name) < size && program_is_file(path);
    if (!folders)
        folders = "/bin:/usr/bin"; /* execvp's own */
    for (;; folders++) {
        size_t n = strcspn(folders, ":");
        if ((size_t)snprintf(path, size, "%.*s%s%s", (int)n, folders, n ? "/" : "", name) < size &&
            program_is_file(path))
            return true;
        folders += n;
        if (!*folders)
            return false;
    }
}

/* "#! INTERPRETER ARGUMENT": its path in the place of the script's. false: this is no script. */
static bool program_interpreter(int fd, char *path, size_t size)
{
    char line[256];
    ssize_t n = pread(fd, line, sizeof line - 1, 0);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = '\0';
    const char *begin = line + 2 + strspn(line + 2, " \t");
    snprintf(path, size, "%.*s", (int)strcspn(begin, " \t\n"), begin);
    return true;
}

/* As the kernel decides it at exec: then the loader takes no library from the environment. */
static const char *program_secure(int fd)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(fd, &st) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_NOSUID))
        return NULL;
    if (st.st_mode & S_ISUID && st.st_uid != getuid())
        return "it is set-user-ID";
    if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid())
        return "it is set-group-ID";
    if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
        return "it has capabilities of its own";
    return NULL;
}

/* The libraries that it names: a sanitizer's wants to be the first of all, and brings its own malloc. */
static bool program_sanitized(Elf *elf)
{
    static const char *const names[] = {"libasan.so", "libtsan.so", "liblsan.so", "libhwasan.so"};
    GElf_Shdr header;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNAMIC)
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        GElf_Dyn entry;
        for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
            const char *name =
                entry.d_tag == DT_NEEDED ? elf_strptr(elf, header.sh_link, entry.d_un.d_val) : NULL;
            for (size_t k = 0; name && k < sizeof names / sizeof *names; k++)
                if (strncmp(name, names[k], strlen(names[k])) == 0)
                    return true;
        }
    }
    return false;
}

/* The dynamic loader that the program asks for; empty when it asks for none. */
static bool program_loader(Elf *elf, int fd, char *loader, size_t size)
{
    size_t count = 0;
    GElf_Phdr header;
    loader[0] = '\0';
    if (elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_INTERP)
            continue;
        size_t n = header.p_filesz < size ? header.p_filesz : size - 1;
        ssize_t got = pread(fd, loader, n, (off_t)header.p_offset);
        loader[got > 0 ? got : 0] = '\0';
    }
    return true;
}

static const char *program_elf(Elf *elf, int fd, char *buffer, size_t size)
{
    char loader[256];
    if (!elf || elf_kind(elf) != ELF_K_ELF)
        return NULL;
    if (!library_is_of_this_machine(elf))
        return "it is a program for another kind of machine";
    if (!program_loader(elf, fd, loader, sizeof loader))
        return NULL;
    if (!loader[0])
        return "it is statically linked";
    const char *slash = strrchr(loader, '/');
    if (strncmp(slash ? slash + 1 : loader, "ld-linux", 8) != 0) {
        snprintf(buffer, size, "it is linked with another C library than glibc (its loader is %s)", loader);
        return buffer;
    }
    const char *why = program_secure(fd);
    if (why)
        return why;
    if (program_sanitized(elf))
        return "it is built with a sanitizer, which brings its own malloc";
    return library_defines(elf, "malloc") ? "it brings its own malloc" : NULL;
}

const char *program_not_served(const char *name, char *buffer, size_t size)
{
    char path[PATH_MAX];
    if (!program_find(name, path, sizeof path))
        return NULL;
    for (unsigned depth = 0; depth <= PROGRAM_SCRIPTS_MAX; depth++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) /* it may be run, but not read */
            return NULL;
        if (program_interpreter(fd, path, sizeof path)) {
            close(fd);
            continue;
        }
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
        const char *why = program_elf(elf, fd, buffer, size);
        elf_end(elf);
        close(fd);
        return why;
    }
    return NULL;
}
