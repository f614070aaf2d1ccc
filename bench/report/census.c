/* census.c: see census.h. Of each list the rows with most bytes; grown is what came since the measured phase
 * began:
 *
 *   heap at the peak: leak, system gil generational, x1: 30,123 objects, 2.87 MiB
 *     type                        objects      bytes      grown      bytes
 *     leak.record                  10 000    480 KiB     10 000    480 KiB */
#include "census.h"

#include "text.h"

#include <math.h>
#include <string.h>

#define CENSUS_SHOWN 12
#define CENSUS_WIDTH 80

struct census_row {
    const char *type;
    double count, bytes, grown, grown_bytes;
};

/* The i-th row of the types, with what that type grew by; false behind the last. */
static bool census_row(const struct record *r, size_t i, struct census_row *row)
{
    char key[96];
    *row = (struct census_row){.grown = NAN, .grown_bytes = NAN};
    snprintf(key, sizeof key, "census.types.%zu.type", i);
    if (!(row->type = record_text(r, key)))
        return false;
    snprintf(key, sizeof key, "census.types.%zu.count", i);
    record_number(r, key, &row->count);
    snprintf(key, sizeof key, "census.types.%zu.bytes", i);
    record_number(r, key, &row->bytes);
    for (size_t g = 0; g < record_array_size(r, "census.growth"); g++) {
        snprintf(key, sizeof key, "census.growth.%zu.type", g);
        const char *type = record_text(r, key);
        if (!type || strcmp(type, row->type) != 0)
            continue;
        snprintf(key, sizeof key, "census.growth.%zu.count", g);
        record_number(r, key, &row->grown);
        snprintf(key, sizeof key, "census.growth.%zu.bytes", g);
        record_number(r, key, &row->grown_bytes);
    }
    return true;
}

/* Is this the sample that speaks for its cell? */
static bool census_speaks(struct sample *const *sample, size_t i)
{
    const struct sample *s = sample[i];
    if (s->status != SAMPLE_OK || !sample_has(s, cell_id) || !sample_has(s, census_objects) || !s->parts)
        return false;
    for (size_t j = 0; j < i; j++)
        if (sample_has(sample[j], census_objects) &&
            strcmp(sample_text_or(sample[j], cell_id, ""), s->cell_id) == 0)
            return false;
    return true;
}

/* "leak, system gil generational, x2" */
static void census_label(const struct sample *s, char *out, size_t size)
{
    snprintf(out, size, "%.60s, %.60s %.60s %.60s, x%lld", sample_text_or(s, cell_workload, "?"),
             sample_text_or(s, cell_name, sample_text_or(s, cell_alloc, "?")),
             sample_text_or(s, cell_rc, "?"), sample_text_or(s, cell_gc, "?"),
             (long long)sample_or(s, cell_threads, 1));
}

static void census_number(char out[32], double value)
{
    if (isfinite(value))
        snprintf(out, 32, "%.0f", value);
    else
        snprintf(out, 32, "-");
}

static void census_text(FILE *out, const struct sample *s)
{
    const struct record *r = s->parts;
    struct census_row row;
    char label[320], count[32], grown[32];
    census_label(s, label, sizeof label);
    fputs("heap at the peak: ", out);
    report_put_plain(out, label, CENSUS_WIDTH - 18);
    fprintf(out, "\n  %lld objects, %s; grown: since the measured phase began\n",
            (long long)s->census_objects,
            report_figure(sample_has(s, census_bytes) ? (double)s->census_bytes : NAN, UNIT_BYTES).text);
    fprintf(out, "  %-30s %10s %9s %10s %9s\n", "type", "objects", "bytes", "grown", "bytes");
    for (size_t i = 0; i < CENSUS_SHOWN && census_row(r, i, &row); i++) {
        fputs("  ", out);
        size_t n = report_put_plain(out, row.type, 30);
        census_number(count, row.count);
        census_number(grown, row.grown);
        fprintf(out, "%*s %10s %9s %10s %9s\n", (int)(30 - n), "", count,
                report_figure(row.bytes, UNIT_BYTES).text, grown,
                report_figure(row.grown_bytes, UNIT_BYTES).text);
    }
    size_t rows = record_array_size(r, "census.types");
    if (rows > CENSUS_SHOWN)
        fprintf(out, "  and %zu types more (--json has them)\n", rows - CENSUS_SHOWN);
    const char *leak = sample_text_or(s, census_leak, NULL);
    if (leak) {
        const char *rest = strstr(leak, "; ");
        fputs("  ", out);
        report_put_plain(out, leak, rest ? (size_t)(rest - leak) + 1 : CENSUS_WIDTH - 2);
        if (rest) {
            fputs("\n  ", out);
            report_put_plain(out, rest + 2, CENSUS_WIDTH - 2);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

void report_census(FILE *out, struct sample *const *sample, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        if (census_speaks(sample, i))
            census_text(out, sample[i]);
    fflush(out);
}

static void census_html(FILE *out, const struct sample *s)
{
    const struct record *r = s->parts;
    struct census_row row;
    char label[320], count[32], grown[32];
    census_label(s, label, sizeof label);
    fputs("<h3>", out);
    report_put_html(out, label);
    fputs("</h3>\n<div class=\"wide\"><table><thead><tr><th "
          "class=\"text\">type</th><th>objects</th><th>bytes</th>"
          "<th>grown by objects</th><th>bytes</th></tr></thead><tbody>\n",
          out);
    for (size_t i = 0; census_row(r, i, &row); i++) {
        census_number(count, row.count);
        census_number(grown, row.grown);
        fputs("<tr><td class=\"text\">", out);
        report_put_html(out, row.type);
        fprintf(out, "</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", count,
                report_figure(row.bytes, UNIT_BYTES).text, grown,
                report_figure(row.grown_bytes, UNIT_BYTES).text);
    }
    fputs("</tbody></table></div>\n", out);
    const char *leak = sample_text_or(s, census_leak, NULL);
    if (leak) {
        fputs("<p>", out);
        report_put_html(out, leak);
        fputs(".</p>\n", out);
    }
}

void report_census_html(FILE *out, struct sample *const *sample, size_t samples)
{
    bool any = false;
    for (size_t i = 0; i < samples; i++) {
        if (!census_speaks(sample, i))
            continue;
        if (!any)
            fputs("<h2>What lay in the heap at the peak</h2>\n<p class=\"soft\">By type, at the end of the "
                  "measured phase; grown: since it began.</p>\n",
                  out);
        any = true;
        census_html(out, sample[i]);
    }
}
