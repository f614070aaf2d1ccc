/* style.h: how a backend looks, everywhere: a fixed colour of Okabe & Ito's palette (told apart by all kinds
 * of colour vision; no yellow lines), a dash by refcount policy, a marker. */
#ifndef HG_BENCH_REPORT_STYLE_H
#define HG_BENCH_REPORT_STYLE_H

struct report_style {
    unsigned order;  /* place in tables: the usual baseline first, floors last */
    unsigned colour; /* 0xRRGGBB */
    unsigned marker; /* gnuplot's pointtype */
    unsigned dash;   /* gnuplot's dashtype */
};

struct report_style report_style_of(const char *alloc);
struct report_style report_style_of_cell(const char *alloc, const char *rc, const char *gc);

#endif
