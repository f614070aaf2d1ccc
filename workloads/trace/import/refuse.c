/* refuse.c: files that people have and that cannot become a trace, with the reason and what would work. A
 * profile is sums or samples: which call came after which is not in it. */
#include "import.h"
#include "words.h"

#include "alloc/base/compiler.h"

#define NO_ORDER "it holds sums or samples, not the calls in their order, so no trace can be made of it; "
#define RECORD   "heapgauge record -o F.hgt -- PROGRAM records them"

static const struct {
    const char *begins;
    size_t bytes;
    const char *what, *why;
} files[] = {
#define TEXT(begins)  begins, sizeof begins - 1
#define UNPACK(first) "unpack it first: " first " | heapgauge trace import - -o F.hgt"
    {TEXT("heap_v2/"), "a heap profile of jemalloc", NO_ORDER RECORD},
    {TEXT("heap profile:"), "a heap profile of tcmalloc (gperftools)", NO_ORDER RECORD},
    {TEXT("growthz"), "a heap growth profile of tcmalloc", NO_ORDER RECORD},
    {TEXT("PERFILE2"), "perf's data file",
     NO_ORDER "perf samples, or has no sizes and addresses of malloc; " RECORD},
    {TEXT("{\"dhatFileVersion\""), "a profile of valgrind's DHAT",
     NO_ORDER "valgrind --trace-malloc=yes writes calls, and " RECORD},
    {TEXT("# callgrind format"), "a profile of callgrind", NO_ORDER RECORD},
    {TEXT("\x89HGT\r\n\x1a\n"), "an .hgt trace already",
     "it needs no import; what is good of a damaged one: heapgauge trace export --partial FILE | heapgauge "
     "trace import - -o F.hgt"},
    {TEXT("\x1f\x8b"), "a gzip file",
     "if it is a profile of pprof, " NO_ORDER RECORD "; if a trace is packed in it, " UNPACK("zcat FILE")},
    {TEXT("\xfd"
          "7zXZ"),
     "an xz file", UNPACK("xzcat FILE")},
    {TEXT("BZh"), "a bzip2 file", UNPACK("bzcat FILE")},
    {TEXT("\x04\x22\x4d\x18"), "an lz4 file", UNPACK("lz4cat FILE")},
    {TEXT("PK\x03\x04"), "a zip file", UNPACK("unzip -p FILE")},
    {TEXT("memray"), "a capture file of memray", "its calls are not read here; " RECORD},
    {TEXT("\x7f"
          "ELF"),
     "a program or core file", RECORD},
};

/* desc: OPTIONS, cmd: PROGRAM, time_unit: i */
static bool is_massif(struct line head)
{
    struct line first = head;
    const char *stop = memchr(head.at, '\n', line_bytes(&head));
    if (!take_text(&first, "desc: ") || !stop)
        return false;
    struct line second = {stop + 1, head.end};
    return begins_with(&second, "cmd: ");
}

/* An unpacked pprof profile is a protobuf message that begins with sample_type: a message of two varints. */
static bool is_pprof(struct line head)
{
    return line_bytes(&head) > 4 && head.at[0] == 0x0a && head.at[1] > 1 && head.at[1] < 16 &&
           head.at[2] == 0x08;
}

bool import_refused(const char *name, struct line head, struct message *m)
{
    const char *what = NULL, *why = NO_ORDER RECORD;
    for (size_t i = 0; i < array_length(files) && !what; i++) {
        if (line_bytes(&head) < files[i].bytes || memcmp(head.at, files[i].begins, files[i].bytes) != 0)
            continue;
        what = files[i].what;
        why = files[i].why;
    }
    if (!what && is_massif(head)) {
        what = "a profile of valgrind's massif";
        why = NO_ORDER "valgrind --trace-malloc=yes writes calls, and " RECORD;
    }
    if (!what && is_pprof(head))
        what = "a profile of pprof";
    if (what)
        message_set(m, 0, "%s: %s: %s", name, what, why);
    return what != NULL;
}
