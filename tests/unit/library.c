/* library: short names, paths, and files that are no allocator. The ELF files are made here, byte by byte, so
 * that every refusal has its own cause. */
// links: bench/host/library.c alloc/base/param.c
#include "bench/host/library.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/hg-library-XXXXXX";

/* A shared object of this machine with one dynamic symbol table: Ehdr, 3 Shdr, Syms, strings. */
struct image {
    ElfW(Ehdr) head;
    ElfW(Shdr) section[3];
    ElfW(Sym) symbol[3];
    char strings[32];
};

static struct image image_of(const char *first, const char *second)
{
    struct image im = {.strings = ""};
    ElfW(Ehdr) self;
    int fd = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(read(fd, &self, sizeof self), sizeof self);
    close(fd);
    im.head = self; /* magic, class, byte order and machine */
    im.head.e_type = ET_DYN;
    im.head.e_shoff = offsetof(struct image, section);
    im.head.e_shentsize = sizeof(ElfW(Shdr));
    im.head.e_shnum = 3;
    im.section[1] = (ElfW(Shdr)){.sh_type = SHT_DYNSYM,
                                 .sh_offset = offsetof(struct image, symbol),
                                 .sh_size = sizeof im.symbol,
                                 .sh_link = 2};
    im.section[2] = (ElfW(Shdr)){
        .sh_type = SHT_STRTAB, .sh_offset = offsetof(struct image, strings), .sh_size = sizeof im.strings};
    strcpy(im.strings + 1, first);
    strcpy(im.strings + 16, second);
    for (int i = 1; i < 3; i++)
        im.symbol[i] =
            (ElfW(Sym)){.st_name = i == 1 ? 1 : 16, .st_info = (STB_GLOBAL << 4) | STT_FUNC, .st_shndx = 1};
    return im;
}

static const char *write_file(const char *name, const void *bytes, size_t size)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    return path;
}

static int resolve(const char *name, char *path, struct message *m)
{
    *path = '\0';
    m->text[0] = '\0';
    return library_resolve(name, path, 4096, m);
}

static void a_path_with_malloc_and_free_is_taken(void **state)
{
    (void)state;
    char path[4096];
    struct message m;
    struct image im = image_of("malloc", "free");
    const char *file = write_file("good.so", &im, sizeof im);
    assert_int_equal(resolve(file, path, &m), 0);
    assert_string_equal(path, file);
}

static void what_is_no_allocator_is_refused(void **state)
{
    (void)state;
    char path[4096];
    struct message m;
    struct image im = image_of("mallocs", "free");
    assert_int_equal(resolve(write_file("a.so", &im, sizeof im), path, &m), -ENOEXEC);
    assert_non_null(strstr(m.text, "does not define malloc:"));
    im = image_of("malloc", "fre");
    assert_int_equal(resolve(write_file("b.so", &im, sizeof im), path, &m), -ENOEXEC);
    assert_non_null(strstr(m.text, "does not define free:"));
    im = image_of("malloc", "free");
    im.symbol[1].st_shndx = SHN_UNDEF; /* only used, not defined */
    assert_int_equal(resolve(write_file("c.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = image_of("malloc", "free");
    im.head.e_type = ET_EXEC;
    assert_int_equal(resolve(write_file("d.so", &im, sizeof im), path, &m), -ENOEXEC);
    assert_non_null(strstr(m.text, "not a shared library"));
    im = image_of("malloc", "free");
    im.head.e_machine = EM_S390;
    assert_int_equal(resolve(write_file("e.so", &im, sizeof im), path, &m), -ENOEXEC);
    assert_non_null(strstr(m.text, "another kind of machine"));
    assert_int_equal(resolve(write_file("f.so", "#!/bin/sh\n", 10), path, &m), -ENOEXEC);
    assert_int_equal(resolve(write_file("g.so", "", 0), path, &m), -ENOEXEC);
    assert_int_equal(resolve("/tmp/", path, &m), -ENOEXEC);
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    char path[4096];
    struct message m;
    struct image good = image_of("malloc", "free");
    for (size_t cut = 0; cut < offsetof(struct image, strings) + 5; cut++)
        assert_int_equal(resolve(write_file("cut.so", &good, cut), path, &m), -ENOEXEC);
    struct image im = good;
    im.head.e_shoff = UINT64_MAX - 8;
    assert_int_equal(resolve(write_file("h.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = good;
    im.section[1].sh_offset = UINT64_MAX - 8;
    assert_int_equal(resolve(write_file("i.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = good;
    im.section[1].sh_size = UINT64_MAX;
    assert_int_equal(resolve(write_file("j.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = good;
    im.section[1].sh_link = 77;
    assert_int_equal(resolve(write_file("k.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = good;
    im.symbol[1].st_name = UINT32_MAX;
    assert_int_equal(resolve(write_file("l.so", &im, sizeof im), path, &m), -ENOEXEC);
    im = good;
    im.section[2].sh_offset = UINT64_MAX;
    im.section[2].sh_size = UINT64_MAX;
    assert_int_equal(resolve(write_file("m.so", &im, sizeof im), path, &m), -ENOEXEC);
}

static void missing_and_unknown_names_say_what_would_help(void **state)
{
    (void)state;
    char path[4096];
    struct message m;
    assert_int_equal(resolve("jemaloc", path, &m), -EINVAL);
    assert_non_null(strstr(m.text, "did you mean 'jemalloc'?"));
    assert_int_equal(resolve("/nowhere/lib.so", path, &m), -ENOENT);
    assert_int_equal(resolve("libnowhere.so.9", path, &m), -ENOENT);
    struct image im = image_of("malloc", "free");
    assert_int_equal(resolve(write_file("with blank.so", &im, sizeof im), path, &m), -EINVAL);
    assert_non_null(strstr(m.text, "LD_PRELOAD"));
}

static void short_names_are_looked_for_in_library_path_first(void **state)
{
    (void)state;
    char path[4096], empty[300];
    struct message m;
    struct image im = image_of("malloc", "free");
    char expected[4096];
    strcpy(expected, write_file("libjemalloc.so.2", &im, sizeof im));
    snprintf(empty, sizeof empty, "/nowhere::%s", directory);
    setenv("LD_LIBRARY_PATH", empty, 1);
    assert_int_equal(resolve("jemalloc", path, &m), 0);
    assert_string_equal(path, expected);
    assert_int_equal(resolve("libjemalloc.so.2", path, &m), 0);
    assert_string_equal(path, expected);
    unsetenv("LD_LIBRARY_PATH");
    for (const char *const *name = library_names; *name; name++) {
        int err = resolve(*name, path, &m); /* installed or not: both answers are checked */
        if (err == 0)
            assert_int_equal(path[0], '/');
        else
            assert_non_null(strstr(m.text, "not installed: lib"));
    }
}

static void the_newest_version_of_the_first_directory_is_taken(void **state)
{
    (void)state;
    static const char *const files[] = {"libmimalloc.so.2.0", "libmimalloc.so.2", "libmimalloc.so.3"};
    char path[4096], list[300], expected[256];
    struct message m;
    struct image im = image_of("malloc", "free");
    snprintf(list, sizeof list, "%s/first:%s", directory, directory);
    setenv("LD_LIBRARY_PATH", list, 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        strcpy(expected, write_file(files[i], &im, sizeof im));
        assert_int_equal(resolve("mimalloc", path, &m), 0);
        assert_string_equal(path, expected);
    }
    char first[256];
    snprintf(first, sizeof first, "%s/first", directory);
    assert_int_equal(mkdir(first, 0755), 0);
    strcpy(expected, write_file("first/libmimalloc.so.2", &im, sizeof im));
    assert_int_equal(resolve("mimalloc", path, &m), 0);
    assert_string_equal(path, expected);
    assert_int_equal(unlink(expected) | rmdir(first), 0);
    unsetenv("LD_LIBRARY_PATH");
}

static void every_short_name_has_a_file_and_messages_name_what_is_installed(void **state)
{
    (void)state;
    static const char *const files[] = {"libjemalloc.so.2",
                                        "libmimalloc.so.3",
                                        "libtcmalloc_minimal.so.4",
                                        "libtbbmalloc_proxy.so.2",
                                        "librpmalloc.so.1",
                                        "libsnmallocshim.so",
                                        "libhoard.so",
                                        "libmesh.so"};
    char path[4096], expected[256];
    struct message m;
    struct image im = image_of("malloc", "free");
    assert_int_equal(resolve("no-such", path, &m), -EINVAL);
    assert_null(strstr(strstr(m.text, "installed: "), "mesh"));
    setenv("LD_LIBRARY_PATH", directory, 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        strcpy(expected, write_file(files[i], &im, sizeof im));
        assert_int_equal(resolve(library_names[i], path, &m), 0);
        assert_string_equal(path, expected);
    }
    assert_null(library_names[sizeof files / sizeof *files]);
    assert_int_equal(resolve("no-such", path, &m), -EINVAL);
    assert_non_null(
        strstr(m.text, "installed: jemalloc mimalloc tcmalloc tbbmalloc rpmalloc snmalloc hoard mesh"));
    unsetenv("LD_LIBRARY_PATH");
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"good.so",
                                        "a.so",
                                        "b.so",
                                        "c.so",
                                        "d.so",
                                        "e.so",
                                        "f.so",
                                        "g.so",
                                        "h.so",
                                        "i.so",
                                        "j.so",
                                        "k.so",
                                        "l.so",
                                        "m.so",
                                        "cut.so",
                                        "with blank.so",
                                        "libjemalloc.so.2",
                                        "libmimalloc.so.2.0",
                                        "libmimalloc.so.2",
                                        "libmimalloc.so.3",
                                        "libtcmalloc_minimal.so.4",
                                        "libtbbmalloc_proxy.so.2",
                                        "librpmalloc.so.1",
                                        "libsnmallocshim.so",
                                        "libhoard.so",
                                        "libmesh.so"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_with_malloc_and_free_is_taken),
        cmocka_unit_test(what_is_no_allocator_is_refused),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(missing_and_unknown_names_say_what_would_help),
        cmocka_unit_test(short_names_are_looked_for_in_library_path_first),
        cmocka_unit_test(the_newest_version_of_the_first_directory_is_taken),
        cmocka_unit_test(every_short_name_has_a_file_and_messages_name_what_is_installed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
