/* text.c: see text.h. */
#include "text.h"

#include <math.h>
#include <string.h>

/* Bytes of the character at p, 0 when it must not be shown: C0 and C1 controls, DEL, and the marks that turn
 * the direction of text (U+202A-202E, U+2066-2069). The library that reads JSON lets only valid UTF-8 in. */
static size_t plain_length(const unsigned char *p)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (p[0] == 0xc2 && p[1] < 0xa0)
        return 0;
    if (p[0] == 0xe2 &&
        ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
        return 0;
    size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    return strnlen((const char *)p, n) == n ? n : 0;
}

size_t report_put_plain(FILE *out, const char *text, size_t width)
{
    size_t columns = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p && (width == 0 || columns < width);
         columns++) {
        size_t n = plain_length(p);
        if (n)
            fwrite(p, 1, n, out);
        else
            fputc('?', out);
        for (p++; (*p & 0xc0) == 0x80;)
            p++;
    }
    return columns;
}

void report_put_html(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = plain_length(p);
        switch (*p) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            if (n)
                fwrite(p, 1, n, out);
            else
                fputc('?', out);
        }
        for (p++; (*p & 0xc0) == 0x80;)
            p++;
    }
}

void report_put_csv(FILE *out, const char *text)
{
    bool formula = *text && strchr("=+-@\t\r", *text);
    bool quote = formula || strpbrk(text, ",\"\r\n");
    if (quote)
        fputc('"', out);
    if (formula)
        fputc('\'', out);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            fputc('"', out);
        fputc(*p, out);
    }
    if (quote)
        fputc('"', out);
}

void report_put_csv_number(FILE *out, double value)
{
    if (isfinite(value))
        fprintf(out, "%.9g", value);
}

/* Three digits and a unit. */
static struct report_figure scaled(double value, double thousand, const char *const *units, size_t count)
{
    struct report_figure f;
    const double whole = value;
    size_t u = 0;
    while (fabs(value) >= 999.5 && u + 1 < count) {
        value /= thousand;
        u++;
    }
    int digits = fabs(value) < 9.995 ? 2 : fabs(value) < 99.95 ? 1 : 0;
    if (u == 0 && value == floor(value))
        digits = 0;
    if (fabs(value) >= 99999.5) /* larger than any unit is for */
        snprintf(f.text, sizeof f.text, "%.0e%s%s", whole, *units[0] ? " " : "", units[0]);
    else
        snprintf(f.text, sizeof f.text, "%.*f%s%s", digits, value, *units[u] ? " " : "", units[u]);
    return f;
}

struct report_figure report_figure(double value, enum schema_unit unit)
{
    static const char *const counts[] = {"", "k", "M", "G", "T", "P"};
    static const char *const bytes[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    static const char *const times[] = {"ns", "us", "ms", "s"};
    if (!isfinite(value))
        return (struct report_figure){"-"};
    switch (unit) {
    case UNIT_BYTES:
        return scaled(value, 1024, bytes, 6);
    case UNIT_NS:
        return scaled(value, 1000, times, 4);
    case UNIT_RATIO:
        return report_ratio(value);
    case UNIT_SHARE:
        return report_share(value);
    default:
        return scaled(value, 1000, counts, 6);
    }
}

struct report_figure report_ratio(double value)
{
    struct report_figure f = {"-"};
    double size = fabs(value);
    if (isfinite(value))
        snprintf(f.text, sizeof f.text, size < 1e6 ? "%.*f" : "%.*e",
                 size < 9.9995   ? 3
                 : size < 99.995 ? 2
                 : size < 999.95 ? 1
                                 : 0,
                 value);
    return f;
}

struct report_figure report_share(double value)
{
    struct report_figure f = {"-"};
    double percent = value * 100, size = fabs(percent);
    if (isfinite(percent) && size < 1e6)
        snprintf(f.text, sizeof f.text, "%.*f %%", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, percent);
    else if (isfinite(percent))
        snprintf(f.text, sizeof f.text, "%.0e %%", percent);
    return f;
}

struct report_figure report_interval(struct stats_interval log_ratio)
{
    struct report_figure f = {"no CI"};
    if (isfinite(log_ratio.lo) && isfinite(log_ratio.hi))
        snprintf(f.text, sizeof f.text, "%.12s-%.12s", report_ratio(exp(log_ratio.lo)).text,
                 report_ratio(exp(log_ratio.hi)).text);
    return f;
}

struct report_figure report_percent(double log_difference)
{
    struct report_figure f = {"-"};
    if (isfinite(log_difference))
        snprintf(f.text, sizeof f.text, log_difference < 4 ? "%+.1f %%" : "%+.0e %%",
                 expm1(log_difference) * 100);
    return f;
}

struct report_where report_where(const struct report_work *w)
{
    struct report_where where;
    size_t n = (size_t)snprintf(where.text, sizeof where.text, "%.64s%s", w->common, *w->common ? ", " : "");
    if (w->threads)
        n += (size_t)snprintf(where.text + n, sizeof where.text - n, "%lld thread%s", (long long)w->threads,
                              w->threads == 1 ? "" : "s");
    else
        n += (size_t)snprintf(where.text + n, sizeof where.text - n, "threads x processes");
    if (w->processes > 1)
        n += (size_t)snprintf(where.text + n, sizeof where.text - n, ", %lld processes",
                              (long long)w->processes);
    if (strcmp(w->place, "none") != 0)
        snprintf(where.text + n, sizeof where.text - n, ", place %.32s", w->place);
    return where;
}

struct report_where report_partial(const struct report_data *d)
{
    struct report_where line = {""};
    if (report_is_partial(d))
        snprintf(line.text, sizeof line.text, "PARTIAL RUN: %zu of %zu samples; no verdicts, no winner",
                 d->taken, d->planned);
    return line;
}

void report_put_heading(FILE *out, const struct report_work *w, size_t width)
{
    struct report_where where = report_where(w);
    size_t right = strlen(where.text), used;
    if (right + 12 > width) { /* no room beside it */
        report_put_plain(out, w->name, width);
        fputs("\n  ", out);
        report_put_plain(out, where.text, width - 2);
    } else {
        used = report_put_plain(out, w->name, width - right - 1);
        fprintf(out, "%*s", (int)(width - right - used), "");
        report_put_plain(out, where.text, 0);
    }
    fputc('\n', out);
}
