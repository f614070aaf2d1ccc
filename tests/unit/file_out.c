/* file_out.c: the writer of files, by itself. */
// links: alloc/base/file_out.c
#include "alloc/base/file_out.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static const struct file_kind kind = {"a note", {"note ", "NOTE "}};
static struct message m;

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void assert_holds(const char *path, const char *text)
{
    char got[256] = "";
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && read(fd, got, sizeof got - 1) >= 0);
    close(fd);
    assert_string_equal(got, text);
}

static int write_note(const char *path, const char *text)
{
    struct file_out f;
    int err = file_out_open(&f, path, &kind, &m);
    if (err)
        return err;
    assert_int_equal(file_out_write(&f, text, strlen(text)), 0);
    return file_out_done(&f, &m);
}

static void whole_or_not_there(void **state)
{
    (void)state;
    struct file_out f;
    put("old", "note old");
    assert_int_equal(chmod("old", 0604), 0);
    assert_int_equal(file_out_open(&f, "old", &kind, &m), 0);
    assert_int_equal(file_out_write(&f, "note new", 8), 0);
    assert_holds("old", "note old");
    file_out_drop(&f);
    assert_holds("old", "note old");
    assert_int_not_equal(access(f.temporary, F_OK), 0);
    assert_int_equal(write_note("old", "NOTE new"), 0);
    assert_holds("old", "NOTE new");
    struct stat st;
    assert_int_equal(stat("old", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    put("empty", "");
    assert_int_equal(write_note("empty", "note"), 0);
}

static void refused(void **state)
{
    (void)state;
    put("source.c", "int main(void);");
    assert_int_equal(write_note("source.c", "note"), -EEXIST);
    assert_string_equal(m.text, "source.c is there, and not a note: not replaced");
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(write_note("folder", "note"), -EISDIR);
    assert_int_equal(write_note("", "note"), -ENOENT);
    assert_int_equal(file_out_check("nowhere/x", &kind, &m), -ENOENT);
    assert_int_equal(write_note("/dev/fd/999", "note"), -EBADF);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(write_note("socket", "note"), -EEXIST);
    close(fd);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(write_note("loop", "note"), -ELOOP);
    if (geteuid() == 0) {
        put("other", "note theirs");
        assert_int_equal(chown("other", 65534, 65534), 0);
        assert_int_equal(write_note("other", "note"), -EPERM);
        assert_holds("other", "note theirs");
    }
}

static void links_are_followed(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(symlink("two", "sub/one"), 0); /* relative to sub */
    assert_int_equal(symlink("sub/one", "link"), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_note("link", i ? "note b" : "note a"), 0);
        assert_holds("sub/two", i ? "note b" : "note a");
        assert_true(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
        assert_true(lstat("sub/one", &st) == 0 && S_ISLNK(st.st_mode));
    }
}

static void descriptors_in_place(void **state)
{
    (void)state;
    int fd = open("by-number", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char name[64];
    static const char *const folder[] = {"/dev/fd/", "/proc/self/fd/"};
    assert_int_equal(write(fd, "x", 1), 1);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%d", folder[i], fd);
        assert_true(file_out_in_place(name));
        assert_int_equal(write_note(name, "note"), 0);
    }
    assert_holds("by-number", "xnotenote"); /* neither cut nor replaced, nor from its beginning */
    assert_int_equal(file_out_for_child(name, name, sizeof name, &m), 0);
    assert_non_null(strstr(name, "/proc/"));
    close(fd);
    assert_false(file_out_in_place("by-number"));
    assert_true(file_out_in_place("-"));
    assert_true(file_out_in_place("/dev/stdout"));
    assert_true(file_out_in_place("/dev/null"));
    fd = open("by-number", O_RDONLY);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    assert_int_equal(write_note(name, "note"), -EBADF);
    close(fd);
}

int main(void)
{
    char dir[] = "/tmp/heapgauge-file-out-XXXXXX", command[64];
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_not_there), cmocka_unit_test(refused),
                                       cmocka_unit_test(links_are_followed),
                                       cmocka_unit_test(descriptors_in_place)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return chdir("/") != 0 || system(command) != 0 || failed;
}
