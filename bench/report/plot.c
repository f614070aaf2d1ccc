/* plot.c: see plot.h. */
#include "plot.h"

#include "alloc/base/file_out.h"
#include "bench/host/paths.h"
#include "bench/result/run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLOT_TIMEOUT_S 60u

int plots_open(struct plots *p, const char *dir, struct message *m)
{
    memset(p, 0, sizeof *p);
    if (snprintf(p->folder, sizeof p->folder, "%s/plots", dir) >= (int)sizeof p->folder)
        return message_set(m, -ENAMETOOLONG, "the folder's name is too long");
    snprintf(p->making, sizeof p->making, "%s.XXXXXX", p->folder);
    if (!mkdtemp(p->making)) {
        int err = -errno;
        p->making[0] = 0;
        return message_set(m, err, "cannot write in %s: %s", dir, strerror(-err));
    }
    return 0;
}

static void plot_path(const struct plots *p, const struct plot *plot, const char *ending,
                      char out[4096 + 128])
{
    snprintf(out, 4096 + 128, "%s/%s.%s", p->making, plot->name, ending);
}

/* "churn:live=1000" becomes "throughput-churn-live-1000"; with "-2" and so on where that is taken. */
static void plot_name(const struct plots *p, struct plot *plot, const char *script, const char *stem)
{
    char base[64];
    size_t n = (size_t)snprintf(base, sizeof base, "%s-", script);
    for (const char *c = stem; *c && n + 1 < sizeof base; c++) {
        char lower = (char)tolower((unsigned char)*c);
        bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (plain)
            base[n++] = lower;
        else if (base[n - 1] != '-')
            base[n++] = '-';
    }
    while (n && base[n - 1] == '-')
        n--;
    base[n] = 0;
    snprintf(plot->name, sizeof plot->name, "%s", base);
    for (unsigned copy = 2;; copy++) {
        bool taken = false;
        for (size_t i = 0; i + 1 < p->count; i++)
            taken |= strcmp(p->item[i].name, plot->name) == 0;
        if (!taken)
            return;
        snprintf(plot->name, sizeof plot->name, "%s-%u", base, copy);
    }
}

static FILE *plot_file(const struct plots *p, const struct plot *plot, const char *ending)
{
    char path[4096 + 128];
    plot_path(p, plot, ending, path);
    return fopen(path, "we");
}

struct plot *plot_begin(struct plots *p, const char *script, const char *stem, struct message *m)
{
    struct plot *more = realloc(p->item, (p->count + 1) * sizeof *more);
    if (!more) {
        message_set(m, -ENOMEM, "out of memory");
        return NULL;
    }
    p->item = more;
    struct plot *plot = &p->item[p->count++];
    memset(plot, 0, sizeof *plot);
    plot->script = script;
    plot->partial = p->partial;
    plot_name(p, plot, script, stem);
    plot->settings = plot_file(p, plot, "settings");
    plot->data = plot_file(p, plot, "data");
    plot->csv = plot_file(p, plot, "csv");
    if (!plot->settings || !plot->data || !plot->csv) {
        message_set(m, -errno, "cannot write in %s: %s", p->making, strerror(errno));
        plot_drop(p, plot);
        return NULL;
    }
    fprintf(plot->settings, "NAME = '%s'\n", plot->name);
    return plot;
}

static int plot_close_files(struct plot *plot)
{
    FILE **file[] = {&plot->settings, &plot->data, &plot->csv};
    int err = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (*file[i] && (ferror(*file[i]) | fclose(*file[i])))
            err = errno ? -errno : -EIO;
        *file[i] = NULL;
    }
    return err;
}

void plot_drop(struct plots *p, struct plot *plot)
{
    static const char *const endings[] = {"settings", "data", "csv"};
    plot_close_files(plot);
    for (unsigned i = 0; i < 3; i++) {
        char path[4096 + 128];
        plot_path(p, plot, endings[i], path);
        unlink(path);
    }
    p->count--; /* it is the last */
}

/* Only in the child: gnuplot reads the settings, then the script, in the folder where the pictures are to
 * be. */
_Noreturn static void plot_exec(const struct plots *p, const char *settings, const char *script)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = chdir(p->making) == 0 ? open("log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    alarm(PLOT_TIMEOUT_S); /* kept over exec */
    file_out_signals(false);
    execlp("gnuplot", "gnuplot", "--default-settings", settings, script, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

/* What gnuplot said: the line that tells the error, not the copy of the script above it. */
static void plot_log_line(const struct plots *p, char *out, size_t size)
{
    char path[4096 + 64], line[512];
    snprintf(path, sizeof path, "%s/log", p->making);
    FILE *f = fopen(path, "re");
    snprintf(out, size, "%s", "no message");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (strstr(line, ": ") && strstr(line, "line "))
            snprintf(out, size, "%.300s", line);
    }
    if (f)
        fclose(f);
}

int plot_draw(struct plots *p, struct plot *plot, struct message *m)
{
    char script[4096], settings[128];
    int status, err = plot_close_files(plot);
    if (err)
        return message_set(m, err, "cannot write %s/%s.csv: %s", p->folder, plot->name, strerror(-err));
    if (paths_plot(plot->script, script, sizeof script, m)) {
        snprintf(p->trouble, sizeof p->trouble, "%.500s", m->text);
        return 0;
    }
    char *whole = realpath(script, NULL);
    snprintf(settings, sizeof settings, "%s.settings", plot->name);
    pid_t child = whole ? fork() : -1;
    if (child == 0)
        plot_exec(p, settings, whole);
    free(whole);
    if (child < 0)
        return message_set(m, -errno, "cannot start gnuplot: %s", strerror(errno));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return message_set(m, -errno, "cannot wait for gnuplot: %s", strerror(errno));
    char line[400];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        plot->drawn = true;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        snprintf(p->trouble, sizeof p->trouble,
                 "gnuplot is not installed: tables and .csv files alone (Debian's package: gnuplot-nox)");
    } else if (WIFSIGNALED(status)) {
        snprintf(p->trouble, sizeof p->trouble, "%s: gnuplot was ended by signal %s", plot->name,
                 WTERMSIG(status) == SIGALRM ? "ALRM: it took over a minute"
                                             : sigabbrev_np(WTERMSIG(status)));
    } else {
        plot_log_line(p, line, sizeof line);
        snprintf(p->trouble, sizeof p->trouble, "%s: %s", plot->name, line);
    }
    return 0;
}

static bool is_made(const struct plots *p, const char *file)
{
    size_t stem = strcspn(file, ".");
    for (size_t i = 0; i < p->count; i++)
        if (strlen(p->item[i].name) == stem && memcmp(p->item[i].name, file, stem) == 0)
            return true;
    return false;
}

/* Pictures of an earlier report that this one has no more (a run that was resumed, say): they would be taken
 * for its own. Only names that we give are touched. */
static void plots_remove_stale(const struct plots *p)
{
    static const char *const scripts[] = {"throughput-", "ratios-", "memory-",  "percentiles-", "timeline-",
                                          "heatmap-",    "mmu-",    "latency-", "pareto-"};
    DIR *dir = opendir(p->folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const char *ending = strrchr(e->d_name, '.');
        bool ours = false;
        for (unsigned i = 0; i < sizeof scripts / sizeof *scripts; i++)
            ours |= strncmp(e->d_name, scripts[i], strlen(scripts[i])) == 0;
        if (ours && ending && !is_made(p, e->d_name) &&
            (strcmp(ending, ".svg") == 0 || strcmp(ending, ".png") == 0 || strcmp(ending, ".csv") == 0))
            unlinkat(dirfd(dir), e->d_name, 0);
    }
    if (dir)
        closedir(dir);
}

/* From our own folder to where it is to be, as every file is written. */
static int plot_deliver(const char *from, const char *to, struct message *m)
{
    char buffer[65536];
    struct file_out f;
    int err, in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return message_set(m, -errno, "cannot read %s: %s", from, strerror(errno));
    if ((err = file_out_open(&f, to, NULL, m)) == 0) {
        ssize_t n = 0;
        while (!err && (n = read(in, buffer, sizeof buffer)) > 0)
            err = file_out_write(&f, buffer, (size_t)n);
        if (!err && n < 0)
            err = -errno;
        if (err) {
            message_set(m, err, "cannot write %s: %s", to, strerror(-err));
            file_out_drop(&f);
        } else {
            err = file_out_done(&f, m);
        }
    }
    close(in);
    return err;
}

int plots_finish(struct plots *p, struct message *m)
{
    static const char *const kept[] = {"svg", "png", "csv"};
    if (mkdir(p->folder, 0777) && errno != EEXIST)
        return message_set(m, -errno, "cannot make %s: %s", p->folder, strerror(errno));
    for (size_t i = 0; i < p->count; i++)
        for (unsigned k = 0; k < 3; k++) {
            char from[4096 + 128], to[4096 + 128];
            plot_path(p, &p->item[i], kept[k], from);
            snprintf(to, sizeof to, "%s/%s.%s", p->folder, p->item[i].name, kept[k]);
            if (k < 2 && access(from, F_OK) != 0 && !p->item[i].drawn)
                continue; /* without gnuplot there is no picture */
            int err = plot_deliver(from, to, m);
            if (err)
                return err;
        }
    plots_remove_stale(p);
    return 0;
}

void plots_free(struct plots *p)
{
    for (size_t i = 0; i < p->count; i++)
        plot_close_files(&p->item[i]);
    /* The folder holds files of ours alone. */
    DIR *dir = p->making[0] ? opendir(p->making) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) {
        closedir(dir);
        rmdir(p->making);
    }
    free(p->item);
    memset(p, 0, sizeof *p);
}

/* --- settings ------------------------------------------------------------------------------------------- */

/* A string of gnuplot's in single quotes, of characters that mean nothing to it; our terminals are
 * noenhanced. */
static void put_text(FILE *f, const char *text)
{
    fputc('\'', f);
    for (const char *c = text; *c; c++)
        fputc(isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || strchr(" _.,:;=+/()<>[]{}#~-", *c))
                  ? *c
                  : '?',
              f);
    fputc('\'', f);
}

void plot_text(struct plot *p, const char *name, const char *text)
{
    fprintf(p->settings, "%s = ", name);
    put_text(p->settings, text);
    fputc('\n', p->settings);
}

static void put_number(FILE *f, double value)
{
    if (isfinite(value))
        fprintf(f, "%.12g\n", value);
    else
        fputs("NaN\n", f);
}

void plot_number(struct plot *p, const char *name, double value)
{
    fprintf(p->settings, "%s = ", name);
    put_number(p->settings, value);
}

void plot_array(struct plot *p, const char *name, size_t size)
{
    fprintf(p->settings, "array %s[%zu]\n", name, size);
}

void plot_array_text(struct plot *p, const char *name, size_t i, const char *text)
{
    fprintf(p->settings, "%s[%zu] = ", name, i);
    put_text(p->settings, text);
    fputc('\n', p->settings);
}

void plot_array_number(struct plot *p, const char *name, size_t i, double value)
{
    fprintf(p->settings, "%s[%zu] = ", name, i);
    put_number(p->settings, value);
}
