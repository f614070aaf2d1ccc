/* env.c: see env.h. Most figures are one file each and stand in a table; the rest has a function. */
#include "env.h"

#include "cgroup.h"
#include "paths.h"
#include "place.h"
#include "sha256.h"
#include "thp.h"
#include "bench/result/config.h"

#include <ctype.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ENV_TEXT_MAX 65536

/* --- reading small files -------------------------------------------------------------------------------- */

/* NULL when it cannot be read or is empty; without the last newline; to free(). */
static char *env_file(const char *root, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", root, name) >= (int)sizeof path)
        return NULL;
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *text = malloc(ENV_TEXT_MAX);
    size_t n = text ? fread(text, 1, ENV_TEXT_MAX - 1, f) : 0;
    fclose(f);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    if (n == 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

/* The value of the first line "field<blanks>:<blanks>value" or "field=value" into buf. */
static bool env_field(const char *text, const char *field, char *buf, size_t size)
{
    size_t n = strlen(field);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, field, n) != 0)
            continue;
        const char *at = line + n + strspn(line + n, " \t");
        if (*at != ':' && *at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t\"");
        size_t length = strcspn(at, "\n\"");
        if (length >= size)
            length = size - 1;
        memcpy(buf, at, length);
        buf[length] = '\0';
        return length > 0;
    }
    return false;
}

/* --- writing under a prefix ----------------------------------------------------------------------------- */

struct env_out {
    struct record *r;
    const char *prefix;
    char key[256];
};

static const char *env_key(struct env_out *o, const char *name)
{
    snprintf(o->key, sizeof o->key, "%s.%s", o->prefix, name);
    return o->key;
}

static void env_put_text(struct env_out *o, const char *name, const char *value)
{
    if (value && *value)
        record_set_text(o->r, env_key(o, name), value);
    else
        record_set_null(o->r, env_key(o, name));
}

static void env_put_integer(struct env_out *o, const char *name, uint64_t value)
{
    if (value <= INT64_MAX)
        record_set_integer(o->r, env_key(o, name), (int64_t)value);
    else
        record_set_null(o->r, env_key(o, name));
}

static void env_put_bool(struct env_out *o, const char *name, int value)
{
    if (value >= 0)
        record_set_bool(o->r, env_key(o, name), value != 0);
    else
        record_set_null(o->r, env_key(o, name));
}

/* --- one file, one figure ------------------------------------------------------------------------------- */

enum env_kind {
    ENV_TEXT,
    ENV_INTEGER,
    ENV_BYTES,  /* "512K" as sysfs writes cache sizes */
    ENV_CHOSEN, /* the word in brackets: "always [madvise] never" */
    ENV_BOOL,   /* 0 or 1 */
    ENV_NOT,    /* a flag that means the opposite: no_turbo */
};

/* Of rows with the same key the first that can be read counts. */
static const struct {
    const char *key;
    enum env_kind kind;
    const char *file;
} env_rows[] = {
    {"system.kernel", ENV_TEXT, "/proc/sys/kernel/osrelease"},
    {"system.kernel_version", ENV_TEXT, "/proc/sys/kernel/version"},
    {"system.kernel_command_line", ENV_TEXT, "/proc/cmdline"},
    {"system.hostname", ENV_TEXT, "/proc/sys/kernel/hostname"},
    {"cpu.smt", ENV_BOOL, "/sys/devices/system/cpu/smt/active"},
    {"cpu.governor", ENV_TEXT, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"},
    {"cpu.frequency_driver", ENV_TEXT, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"},
    {"cpu.khz_min", ENV_INTEGER, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq"},
    {"cpu.khz_max", ENV_INTEGER, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq"},
    {"cpu.turbo", ENV_NOT, "/sys/devices/system/cpu/intel_pstate/no_turbo"},
    {"cpu.turbo", ENV_BOOL, "/sys/devices/system/cpu/cpufreq/boost"},
    {"cpu.online", ENV_TEXT, "/sys/devices/system/cpu/online"},
    {"cpu.isolated", ENV_TEXT, "/sys/devices/system/cpu/isolated"},
    {"cpu.l1d_bytes", ENV_BYTES, "/sys/devices/system/cpu/cpu0/cache/index0/size"},
    {"cpu.l2_bytes", ENV_BYTES, "/sys/devices/system/cpu/cpu0/cache/index2/size"},
    {"cpu.l3_bytes", ENV_BYTES, "/sys/devices/system/cpu/cpu0/cache/index3/size"},
    {"cpu.clock_source", ENV_TEXT, "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"memory.thp_enabled", ENV_CHOSEN, "/sys/kernel/mm/transparent_hugepage/enabled"},
    {"memory.thp_defrag", ENV_CHOSEN, "/sys/kernel/mm/transparent_hugepage/defrag"},
    {"memory.huge_pages", ENV_INTEGER, "/proc/sys/vm/nr_hugepages"},
    {"memory.overcommit", ENV_INTEGER, "/proc/sys/vm/overcommit_memory"},
    {"memory.swappiness", ENV_INTEGER, "/proc/sys/vm/swappiness"},
    {"memory.numa_balancing", ENV_INTEGER, "/proc/sys/kernel/numa_balancing"},
    {"memory.aslr", ENV_INTEGER, "/proc/sys/kernel/randomize_va_space"},
};

static bool env_number(const char *text, bool unit, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    *out = strtoull(text, &end, 10);
    if (unit && (*end == 'K' || *end == 'M' || *end == 'G'))
        *out <<= *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
    else if (*end)
        return false;
    return true;
}

static bool env_put_row(struct env_out *o, const char *key, enum env_kind kind, const char *text)
{
    uint64_t n;
    char word[128];
    switch (kind) {
    case ENV_TEXT:
        env_put_text(o, key, text);
        return true;
    case ENV_INTEGER:
    case ENV_BYTES:
        if (!env_number(text, kind == ENV_BYTES, &n))
            return false;
        env_put_integer(o, key, n);
        return true;
    case ENV_BOOL:
    case ENV_NOT:
        if (!env_number(text, false, &n) || n > 1)
            return false;
        env_put_bool(o, key, (n == 1) == (kind == ENV_BOOL));
        return true;
    case ENV_CHOSEN: {
        const char *open = strchr(text, '[');
        if (!open || sscanf(open, "[%127[^]]]", word) != 1)
            return false;
        env_put_text(o, key, word);
        return true;
    }
    }
    return false;
}

static void env_put_rows(struct env_out *o, const char *root)
{
    const char *done = "";
    for (size_t i = 0; i < sizeof env_rows / sizeof *env_rows; i++) {
        if (strcmp(done, env_rows[i].key) == 0)
            continue;
        char *text = env_file(root, env_rows[i].file);
        if (text && env_put_row(o, env_rows[i].key, env_rows[i].kind, text))
            done = env_rows[i].key;
        else
            record_set_null(o->r, env_key(o, env_rows[i].key));
        free(text);
    }
}

/* --- files that hold many figures ----------------------------------------------------------------------- */

static void env_put_cpuinfo(struct env_out *o, const char *root)
{
    /* x86 and arm64 call them differently; the first that is there counts. */
    static const struct {
        const char *key, *field[3];
    } rows[] = {{"cpu.model", {"model name", "Processor", "CPU part"}},
                {"cpu.vendor", {"vendor_id", "CPU implementer", "vendor"}},
                {"cpu.microcode", {"microcode", "CPU revision", "CPU variant"}}};
    char *text = env_file(root, "/proc/cpuinfo"), value[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool found = false;
        for (unsigned j = 0; text && j < 3 && !found; j++)
            found = env_field(text, rows[i].field[j], value, sizeof value);
        env_put_text(o, rows[i].key, found ? value : NULL);
    }
    double sum = 0;
    unsigned count = 0;
    for (const char *at = text; at && (at = strstr(at, "cpu MHz")); at++) {
        const char *colon = strchr(at, ':');
        if (colon) {
            sum += strtod(colon + 1, NULL);
            count++;
        }
    }
    if (count)
        record_set_real(o->r, env_key(o, "cpu.mhz"), sum / count);
    else
        record_set_null(o->r, env_key(o, "cpu.mhz"));
    bool flags = text && env_field(text, "flags", value, sizeof value);
    env_put_bool(o, "system.virtual", flags ? strstr(text, " hypervisor") != NULL : -1);
    free(text);
}

static void env_put_hypervisor(struct env_out *o, const char *root)
{
    static const char *const files[] = {"/sys/hypervisor/type", "/sys/class/dmi/id/sys_vendor",
                                        "/sys/class/dmi/id/product_name"};
    char name[512] = "";
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = env_file(root, files[i]);
        size_t n = strlen(name);
        if (text)
            snprintf(name + n, sizeof name - n, "%s%s", n ? " " : "", text);
        free(text);
    }
    env_put_text(o, "system.product", name);
}

static void env_put_memory(struct env_out *o, const char *root)
{
    static const struct {
        const char *key, *field;
    } rows[] = {{"memory.total_bytes", "MemTotal"},
                {"now.memory_available_bytes", "MemAvailable"},
                {"memory.swap_total_bytes", "SwapTotal"}};
    char *text = env_file(root, "/proc/meminfo"), value[64];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t kib;
        bool found = text && env_field(text, rows[i].field, value, sizeof value) &&
                     sscanf(value, "%" SCNu64 " kB", &kib) == 1;
        env_put_integer(o, rows[i].key, found ? kib * 1024 : ENV_UNKNOWN);
    }
    free(text);
}

static void env_put_distribution(struct env_out *o, const char *root)
{
    char *text = env_file(root, "/etc/os-release"), value[256];
    env_put_text(o, "system.distribution",
                 text && env_field(text, "PRETTY_NAME", value, sizeof value) ? value : NULL);
    free(text);
}

static void env_put_cgroup(struct env_out *o, const char *root)
{
    struct cgroup g;
    cgroup_read(&g, root);
    env_put_integer(o, "cgroup.quota_millicpus", g.quota_millicpus);
    env_put_integer(o, "cgroup.memory_limit_bytes", g.memory_limit_bytes);
    env_put_integer(o, "cgroup.memory_high_bytes", g.memory_high_bytes);
    env_put_integer(o, "cgroup.swap_limit_bytes", g.swap_limit_bytes);
    env_put_integer(o, "cgroup.pids_limit", g.pids_limit);
    env_put_integer(o, "cgroup.throttled_periods", g.throttled_periods);
    env_put_integer(o, "cgroup.throttled_ns", g.throttled_ns);
}

/* --- the moment ----------------------------------------------------------------------------------------- */

static void env_put_load(struct env_out *o, const char *root)
{
    static const char *const keys[] = {"now.load_1m", "now.load_5m", "now.load_15m"};
    char *text = env_file(root, "/proc/loadavg");
    double load[3];
    int n = text ? sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) : 0;
    for (int i = 0; i < 3; i++)
        if (n == 3)
            record_set_real(o->r, env_key(o, keys[i]), load[i]);
        else
            record_set_null(o->r, env_key(o, keys[i]));
    free(text);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.03 total=6642238" */
static bool env_psi(const char *text, const char *who, double *avg10, uint64_t *total_us)
{
    const char *line = text ? strstr(text, who) : NULL;
    return line &&
           sscanf(line + strlen(who), " avg10=%lf avg60=%*f avg300=%*f total=%" SCNu64, avg10, total_us) == 2;
}

static void env_put_pressure(struct env_out *o, const char *root)
{
    static const struct {
        const char *key, *file;
    } rows[] = {{"now.psi_cpu_percent_10s", "/proc/pressure/cpu"},
                {"now.psi_memory_percent_10s", "/proc/pressure/memory"},
                {"now.psi_io_percent_10s", "/proc/pressure/io"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = env_file(root, rows[i].file);
        double avg10;
        uint64_t total;
        if (env_psi(text, "some", &avg10, &total))
            record_set_real(o->r, env_key(o, rows[i].key), avg10);
        else
            record_set_null(o->r, env_key(o, rows[i].key));
        free(text);
    }
}

void env_state_read(struct env_state *out, const char *root)
{
    *out = (struct env_state){ENV_UNKNOWN, ENV_UNKNOWN, ENV_UNKNOWN, ENV_UNKNOWN,
                              ENV_UNKNOWN, ENV_UNKNOWN, ENV_UNKNOWN};
    unsigned long long v[8];
    char *text = env_file(root, "/proc/stat");
    if (text && sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4],
                       &v[5], &v[6], &v[7]) == 8)
        out->steal_ns = v[7] * (1000000000u / (unsigned long long)sysconf(_SC_CLK_TCK));
    free(text);
    struct cgroup g;
    cgroup_read(&g, root);
    out->throttled_ns = g.throttled_ns;
    out->throttled_periods = g.throttled_periods;
    const struct {
        const char *file, *who;
        uint64_t *total_us;
    } rows[] = {{"/proc/pressure/cpu", "some", &out->psi_cpu_us},
                {"/proc/pressure/memory", "some", &out->psi_memory_us},
                {"/proc/pressure/memory", "full", &out->psi_memory_full_us},
                {"/proc/pressure/io", "some", &out->psi_io_us}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double avg10;
        uint64_t total;
        text = env_file(root, rows[i].file);
        if (env_psi(text, rows[i].who, &avg10, &total))
            *rows[i].total_us = total;
        free(text);
    }
}

/* Nothing where a reading is not known, or the counter was set back. */
static void env_difference(uint64_t before, uint64_t after, uint64_t factor, struct sample *s,
                           enum schema_key key)
{
    if (before == ENV_UNKNOWN || after == ENV_UNKNOWN || after < before)
        return;
    *sample_int(s, key) = (int64_t)((after - before) * factor);
    sample_learn(s, key);
}

void env_state_sample(const struct env_state *b, const struct env_state *a, struct sample *s)
{
    env_difference(b->steal_ns, a->steal_ns, 1, s, KEY_os_steal_ns);
    env_difference(b->throttled_ns, a->throttled_ns, 1, s, KEY_os_throttled_ns);
    env_difference(b->throttled_periods, a->throttled_periods, 1, s, KEY_os_throttled_periods);
    env_difference(b->psi_cpu_us, a->psi_cpu_us, 1000, s, KEY_os_psi_cpu_ns);
    env_difference(b->psi_memory_us, a->psi_memory_us, 1000, s, KEY_os_psi_memory_ns);
    env_difference(b->psi_memory_full_us, a->psi_memory_full_us, 1000, s, KEY_os_psi_memory_full_ns);
    env_difference(b->psi_io_us, a->psi_io_us, 1000, s, KEY_os_psi_io_ns);
}

/* --- variables of the environment ----------------------------------------------------------------------- */

int env_put_variable(struct record *r, const char *prefix, const char *variable)
{
    char key[256];
    const char *value = strchr(variable, '=');
    if (!value ||
        snprintf(key, sizeof key, "%s.%.*s", prefix, (int)(value - variable), variable) >= (int)sizeof key)
        return 0;
    for (const char *p = variable; p < value; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return 0;
    return record_set_text(r, key, value + 1) == -ENOMEM ? -ENOMEM : 0;
}

void env_record_variables(struct record *r, const char *prefix)
{
    extern char **environ;
    char inherited[128], removed[128];
    snprintf(inherited, sizeof inherited, "%s.allocator_variables", prefix);
    snprintf(removed, sizeof removed, "%s.removed_variables", prefix);
    record_set_object(r, inherited);
    record_set_object(r, removed);
    for (char **e = environ; *e; e++)
        if (config_is_known(*e))
            env_put_variable(r, strncmp(*e, "LD_PRELOAD=", 11) == 0 ? removed : inherited, *e);
}

/* --- the whole block ------------------------------------------------------------------------------------ */

void env_record_machine(struct record *r, const char *prefix, const char *root)
{
    struct env_out o = {.r = r, .prefix = prefix};
    env_put_rows(&o, root);
    env_put_distribution(&o, root);
    env_put_cpuinfo(&o, root);
    env_put_hypervisor(&o, root);
    env_put_memory(&o, root);
    env_put_cgroup(&o, root);
    env_put_load(&o, root);
    env_put_pressure(&o, root);
    struct env_state state;
    env_state_read(&state, root);
    env_put_integer(&o, "now.steal_ns", state.steal_ns);
}

static void env_put_topology(struct env_out *o)
{
    struct place_summary s = {0};
    struct place *p = NULL;
    bool known = place_open(&p, NULL) == 0;
    if (known)
        place_summarise(p, &s);
    /* A level that the topology does not report (packages, in some containers) counts 0 there: unknown. */
    const struct {
        const char *key;
        unsigned value;
    } rows[] = {{"cpu.packages", s.packages},
                {"cpu.numa_nodes", s.numa_nodes},
                {"cpu.cores", s.cores},
                {"cpu.pus", s.pus},
                {"cpu.usable_cores", s.usable_cores},
                {"cpu.usable_pus", s.usable_pus},
                {"cpu.default_threads", known ? place_default_threads(p) : 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        env_put_integer(o, rows[i].key, rows[i].value ? rows[i].value : ENV_UNKNOWN);
    env_put_bool(o, "cpu.made_up", known ? !s.this_system : -1);
    place_close(p);
}

static void env_put_command_line(struct env_out *o)
{
    char line[4096];
    FILE *f = fopen("/proc/self/cmdline", "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    if (n && line[n - 1] == '\0') /* every word ends with a NUL */
        n--;
    line[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (line[i] == '\0')
            line[i] = ' ';
    env_put_text(o, "system.command_line", line);
}

static void env_put_build(struct env_out *o)
{
    struct utsname u;
    char libc[64];
    env_put_text(o, "system.architecture", uname(&u) == 0 ? u.machine : NULL);
    env_put_bool(o, "memory.thp_disabled", thp_is_disabled());
    env_put_integer(o, "memory.page_bytes", (uint64_t)sysconf(_SC_PAGESIZE));
    env_put_text(o, "build.version", HG_VERSION);
    env_put_text(o, "build.mode", HG_MODE);
    env_put_text(o, "build.flags", HG_CFLAGS);
#ifdef __clang__
    env_put_text(o, "build.compiler", __VERSION__);
#else
    env_put_text(o, "build.compiler", "gcc " __VERSION__);
#endif
    snprintf(libc, sizeof libc, "glibc %s", gnu_get_libc_version());
    env_put_text(o, "system.libc", libc);
    env_put_command_line(o);
}

static void env_put_binary(struct env_out *o, const char *name)
{
    char path[PATH_MAX], hex[SHA256_HEX], key[128];
    snprintf(key, sizeof key, "binaries.%s", name);
    for (char *c = key; *c; c++)
        if (*c == '-')
            *c = '_';
    bool known = paths_program(name, path, sizeof path, NULL) == 0 && sha256_file(path, hex) == 0;
    env_put_text(o, key, known ? hex : NULL);
}

void env_record(struct record *r, const char *prefix)
{
    struct env_out o = {.r = r, .prefix = prefix};
    env_record_machine(r, prefix, "");
    env_put_topology(&o);
    env_put_build(&o);
    env_record_variables(r, prefix);
    static const char *const programs[] = {"heapgauge",
                                           "heapgauge-worker-gil",
                                           "heapgauge-worker-gil312",
                                           "heapgauge-worker-gil314",
                                           "heapgauge-worker-objlock",
                                           "heapgauge-worker-atomic",
                                           "heapgauge-worker-biased",
                                           "heapgauge-worker-tracing"};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        env_put_binary(&o, programs[i]);
}
