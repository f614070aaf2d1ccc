/* metered.c: see metered.h. */
#include "metered.h"

/* Place number `rank` of `count` even ones from first to last; one alone has the whole time to begin in. */
static uint64_t metered_due(uint64_t first_ns, uint64_t last_ns, size_t rank, size_t count)
{
    return count < 2 ? last_ns
                     : first_ns + (uint64_t)((unsigned __int128)(last_ns - first_ns) * rank / (count - 1));
}

void metered_add(const struct metered_request *request, size_t n, uint64_t window_ns, struct hist *h)
{
    uint64_t first = n ? request[0].begin_ns : 0, last = n ? request[n - 1].begin_ns : 0;
    uint64_t half = window_ns ? window_ns / 2 : UINT64_MAX;
    for (size_t k = 0, i = 0, j = 0; k < n; k++) { /* [i, j): those of the window */
        uint64_t at = request[k].begin_ns;
        uint64_t from = at - first > half ? at - half : first, to = last - at > half ? at + half : last;
        while (request[i].begin_ns < from)
            i++;
        while (j < n && request[j].begin_ns <= to)
            j++;
        uint64_t due = metered_due(from, to, k - i, j - i);
        hist_record(h, request[k].end_ns - (due < at ? due : at));
    }
}
