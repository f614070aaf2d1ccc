# The tables of `study`, as Markdown. Variables: ini, the suite; csv, the run's summary.csv. Input: a line a comparison: metric, cell,
# whether it is the baseline against itself, ratio and interval ("null" is none).

# One line of CSV into field[1..n]; "a ""b"", c" is one field. Returns n.
function csv_split(line, field,    n, c, i, quoted) {
    n = 1
    field[1] = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\"") {
            if (quoted && substr(line, i + 1, 1) == "\"") {
                field[n] = field[n] c
                i++
            } else
                quoted = !quoted
        } else if (c == "," && !quoted)
            field[++n] = ""
        else
            field[n] = field[n] c
    }
    return n
}

# A cell's figure, "" when there is none.
function figure(cell, key) {
    return (key in column) ? value[cell, column[key]] : ""
}

# In another unit, as short as its size allows.
function scaled(v, unit,    x) {
    if (v == "")
        return "-"
    x = v / unit
    return x == 0 ? "0" : sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 0.1 ? "%.2f" : "%.4f", x)
}

function pair(cell, a, b, unit) {
    return scaled(figure(cell, a), unit) " / " scaled(figure(cell, b), unit)
}

# "0.52 [0.49, 0.55]" against the baseline; of the baseline, against itself: "A/A [0.97, 1.04]".
function compared(cell, metric,    r) {
    r = (metric, cell, "false") in ratio ? ratio[metric, cell, "false"] : ""
    if (r == "" && (metric, cell, "true") in ratio)
        return ratio[metric, cell, "true"] == "" ? "A/A" : "A/A " ratio[metric, cell, "true"]
    return r == "" ? "-" : r
}

function short_ratio(r, lo, hi) {
    if (r == "null")
        return ""
    return sprintf("%.3g", r) (lo == "null" ? "" : sprintf(" [%.3g, %.3g]", lo, hi))
}

function put_row(cell, what,    peak, reclaimed, waiting) {
    if (figure(cell, "ok") + 0 == 0) {
        printf "| %s | none of %s samples is ok: %s, %s |\n", what, figure(cell, "samples"), figure(cell, "status"), figure(cell, "reason")
        return
    }
    peak = figure(cell, "memory.peak_rss_bytes")
    printf "| %s | %s", what, compared(cell, "throughput")
    printf " | %s | %s", scaled(figure(cell, "pauses.max_ns"), 1e6), compared(cell, "max-pause")
    printf " | %s | %s", scaled(figure(cell, "pauses.p99_9_ns"), 1e6), figure(cell, "pauses.count") == "" ? "-" : int(figure(cell, "pauses.count") + 0.5)
    printf " | %s | %s", scaled(figure(cell, "pauses.total_ns"), 1e6), compared(cell, "total-pause")
    printf " | %s", scaled(figure(cell, "pauses.mmu.10ms"), 1)
    printf " | %s | %s", scaled(peak, 1e6), compared(cell, "peak-rss")
    printf " | %s", base_peak == "" || peak == "" ? "-" : sprintf("%+.1f", (peak - base_peak) / 1e6)
    printf " | %s", pair(cell, "gc.uncollected_peak", "gc.uncollected_mean", 1e3)
    printf " | %s", scaled(figure(cell, "gc.uncollected_peak_bytes"), 1e6)
    printf " | %s | %s", pair(cell, "gc.reclaim.p50_ns", "gc.reclaim.max_ns", 1e6), pair(cell, "gc.reclaim.p50_objects", "gc.reclaim.max_objects", 1e3)
    reclaimed = figure(cell, "gc.reclaim.count")
    waiting = figure(cell, "gc.reclaim.waiting")
    printf " | %s", reclaimed + waiting ? sprintf("%.0f %%", 100 * waiting / (reclaimed + waiting)) : "-"
    printf " | %s", scaled(figure(cell, "gc.references_per_object"), 1)
    printf " | %s", scaled(figure(cell, "lbo_wall"), 1)
    printf " | %s", pair(cell, "latency.request.p99_9_ns", "latency.request.max_ns", 1e6)
    printf " | %s", pair(cell, "latency.request_metered_full.p99_9_ns", "latency.request_metered_full.max_ns", 1e6)
    printf " | %s/%s |\n", figure(cell, "ok"), figure(cell, "samples")
}

BEGIN {
    while ((getline line < ini) > 0) {
        if (line ~ /^# --- .* ---$/)
            part[sections + 1] = substr(line, 7, length(line) - 10)
        else if (line ~ /^\[/ && line != "[suite]")
            name[++sections] = substr(line, 2, length(line) - 2)
        else if (line ~ /^workload *=/) {
            sub(/^workload *= */, "", line)
            work[sections] = line
        }
    }
    while ((getline line < csv) > 0) {
        n = csv_split(line, field)
        if (!rows++) {
            for (i = 1; i <= n; i++)
                column[field[i]] = i
            continue
        }
        cell = field[column["cell_id"]]
        order[++cells] = cell
        for (i = 1; i <= n; i++)
            value[cell, i] = field[i]
    }
}

$3 == "true" || $3 == "false" {
    ratio[$1, $2, $3] = short_ratio($4, $5, $6)
    if ($1 == "throughput" && $3 == "true")
        is_base[$2] = 1
}

END {
    print "# Tables"
    print ""
    print "Made by `scripts/study` from the run beside this file. Medians over the samples; x: against the first row's configuration, Hodges-Lehmann with the exact"
    print "95 % interval over blocks, none under six; A/A: that configuration against itself. ms; MB of 10^6 bytes; garbage in thousands of objects, the most and"
    print "the mean, by the oracle; reclaim: from a cycle's death to its end, of those that ended, median and longest, in ms and in thousands of objects made meanwhile; still waiting: part of the dead that had no end; LBO: wall time over the least that any row shows without its collector;"
    print "MMU: least share of any 10 ms that the program had; operation: of one operation in 1009, or of each where the workload times each, 99.9th percentile"
    print "and longest, simple and metered over the whole run. \"-\": there is none."
    for (s = 1; s <= sections; s++) {
        if (s in part)
            printf "\n## %s%s\n", toupper(substr(part[s], 1, 1)), substr(part[s], 2)
        printf "\n### %s\n\n`%s`\n\n", name[s], work[s]
        print "| collector | throughput x | longest pause | x | p99.9 | pauses | time in them | x | MMU 10 ms | peak MB | x | more MB | garbage | MB | reclaim | in objects | still waiting | references an object | LBO | operation | metered | ok |"
        print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        base_peak = ""
        found = 0
        for (pass = 0; pass < 2; pass++)
            for (i = 1; i <= cells; i++) {
                cell = order[i]
                if (figure(cell, "workload") != work[s] || (cell in is_base) != !pass ||
                    figure(cell, "status") == "not-applicable")
                    continue
                found++
                if (!pass)
                    base_peak = figure(cell, "memory.peak_rss_bytes")
                put_row(cell, (several_axes(work[s]) ? figure(cell, "rc") " " : "") figure(cell, "gc") (figure(cell, "threads") > 1 ? " x" figure(cell, "threads") : ""))
            }
        if (!found) {
            print "| no samples |"
            printf "study: section [%s] has no samples: is %s what heapgauge compare calls it?\n", name[s], work[s] >"/dev/stderr"
            missing++
        }
    }
    exit missing ? 1 : 0
}

# Whether the work's cells differ in their policy.
function several_axes(w,    i, first) {
    first = ""
    for (i = 1; i <= cells; i++)
        if (figure(order[i], "workload") == w) {
            if (first == "")
                first = figure(order[i], "rc")
            else if (figure(order[i], "rc") != first)
                return 1
        }
    return 0
}
