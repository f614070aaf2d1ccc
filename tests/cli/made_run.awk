# Writes the samples of a made-up run, with known truth: every sample of a configuration is base * factor * noise, log-normal noise.
#   works    "churn/1 churn/2 larson/1 cycles/1"      workload/threads; cycles is object level, with pauses
#   configs  "system=1 pools=1.1 pymalloc=0.9"        throughput over the baseline's; the first runs twice a block;
#            "pymalloc@gil@generational=1 pymalloc@gil@none=1.1": with policy and collector
#   cost     "generational=0.2 none=0"                the collector's explicit cost over the total, wall and CPU alike; left out: null
#   oracle   "generational=5000"                      most uncollected garbage; such a cell gets a sample of the oracle a block, whose other
#            figures are absurd: they must be seen nowhere
#   within: drift (a log) from one sample of a block to the next
#   blocks, noise, seed, memory (factor of peak memory of all but the first), status ("pools=crashed": its samples failed)
function gauss() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
function put_latency(name, scale) {
    printf "%s\"%s\":{\"count\":10000,\"p50_ns\":%.0f,\"p90_ns\":%.0f,\"p99_ns\":%.0f,\"p99_9_ns\":%.0f,\"p99_99_ns\":%.0f,\"max_ns\":%.0f,\"control_p50_ns\":20}", comma, name, 4e8 * scale, 6e8 * scale, 2e9 * scale, 1e10 * scale, 1e11 * scale, 9e11 * scale
    comma = ","
}
# A window has one whole pause and a tenth of the rest.
function put_mmu(name, pause,    i, n, w, share) {
    n = split("1 2 5 10 20 50 100 200 500", w, " ")
    printf "\"%s\":{", name
    for (i = 1; i <= n; i++) {
        share = 0.9 * (1 - pause / w[i] / 1e6); if (share < 0) share = 0
        printf "\"%dms\":%.4f,", w[i], share
    }
    printf "\"1s\":null}"
}
function put_gc(rate, gc, most) {
    printf "\"gc\":{\"generations\":[],\"examined\":1000,\"references\":2000000,\"allocated\":1000000,\"references_per_object\":%s,", (gc == "none" ? "null" : "2.0")
    if (gc in costs) printf "\"share\":%.4f,\"cost_wall_ns\":%.0f,\"cost_cpu_ns\":%.0f,", costs[gc], costs[gc] * 1e16 / rate, costs[gc] * 1e16 / rate
    printf "\"uncollected_peak\":%s,\"uncollected_peak_bytes\":%s,", (most ? most : "null"), (most ? most * 64 : "null")
    if (gc == "none") printf "\"reclaim\":null},"
    else printf "\"reclaim\":{\"count\":100,\"p50_ns\":%d,\"p99_ns\":%d,\"max_ns\":%d,\"p50_objects\":700,\"max_objects\":7000}},", 1e13 / rate, 3e13 / rate, 9e13 / rate
}
function sample(work, threads, config, factor, block, position, first, walk,    object, rate, rss, ok, i, live, alloc, rc, gc, axis) {
    split(config, axis, "@"); alloc = axis[1]
    object = work == "cycles" || work == "long-lived" || work == "request"
    rc = axis[2] != "" ? axis[2] : object ? "gil" : "none"; gc = axis[3] != "" ? axis[3] : object ? "generational:version=3.11" : "none"
    if (walk) factor /= 1000
    rate = 1e7 * factor * threads ^ 0.9 * exp(noise * gauss() + within * position)
    rss = int(50e6 * (first ? 1 : memory) * exp(noise * gauss() / 4))
    ok = !(alloc in bad)
    printf "{\"schema\":1,\"run_id\":\"made\",\"cell_id\":\"%s-%s-%d\",\"block\":%d,\"position\":%d,\"seed\":1,", work, config, threads, block, position
    if (walk) printf "\"oracle\":true,"
    printf "\"status\":\"%s\",\"reason\":%s,", ok ? "ok" : bad[alloc], ok ? "null" : "\"SIGSEGV in the measured phase\""
    printf "\"cell\":{\"workload\":\"%s\",\"params\":{\"live\":1000},\"alloc\":\"%s\",\"rc\":\"%s\",\"gc\":\"%s\",\"threads\":%d,\"processes\":1,\"place\":\"none\"},", work, alloc, rc, gc, threads
    if (!ok) { printf "\"ops\":null,\"wall_ns\":null,\"ops_per_s\":null}\n"; return }
    printf "\"ops\":10000000,\"wall_ns\":%d,\"cpu_ns\":%d,\"ops_per_s\":%.3f,\"checksum\":\"1\",", 1e16 / rate, 1e16 / rate, rate
    comma = ""; printf "\"latency\":{"; put_latency("malloc", 1 / rate)
    if (work == "request") { put_latency("request", 1e3 / rate); put_latency("request_metered_100ms", 2e3 / rate); put_latency("request_metered_full", 3e3 / rate) }
    printf "},"
    if (object) {
        printf "\"pauses\":{\"count\":120,\"total_ns\":%d,\"p50_ns\":%d,\"p99_ns\":%d,\"p99_9_ns\":%d,\"max_ns\":%d,", 2e13 / rate, 1e12 / rate, 3e12 / rate, 4e12 / rate, 5e12 / rate
        put_mmu("mmu", 5e12 / rate); printf ","; put_mmu("bmu", 5e12 / rate); printf "},"
        put_gc(rate, gc, walk ? peaks[gc] : 0)
    }
    printf "\"memory\":{\"baseline_rss_bytes\":2000000,\"peak_rss_bytes\":%d,\"peak_live_requested_bytes\":40000000},", rss
    printf "\"fragmentation\":{\"jw2\":%.4f,\"jw4\":%.4f,\"external\":%.4f},", (rss - 2e6) / 4e7, (rss - 2e6) / 4e7, (rss - 2e6) / 4.2e7
    printf "\"timeline\":{\"t_ns\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i * 2e14 / rate
    printf "],\"rss_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", 2e6 + (rss - 2e6) * (i < 20 ? i / 20 : i < 40 ? 1 : 0.5)
    printf "],\"live_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i < 20 ? i * 2e6 : i < 40 ? 4e7 : 0
    printf "],\"allocated_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i * 1e7
    printf "]"
    if (object && gc != "none") {
        printf ",\"gc_t_ns\":["; for (i = 0; i < 40; i++) printf "%s%d", i ? "," : "", i * 2.4e14 / rate
        printf "],\"gc_ns\":["; for (i = 0; i < 40; i++) printf "%s%d", i ? "," : "", (i % 8 ? 1 : 20) * 4e12 / rate
        printf "]"
    }
    printf "},\"os\":{\"involuntary_switches\":3,\"steal_ns\":0}}\n"
}
BEGIN {
    srand(seed == "" ? 1 : seed); if (memory == "") memory = 1
    n = split(configs, config, " "); works_n = split(works == "" ? "churn/1" : works, work, " ")
    split(status, list, " "); for (i in list) { split(list[i], part, "="); bad[part[1]] = part[2] }
    split(cost, list, " "); for (i in list) { split(list[i], part, "="); costs[part[1]] = part[2] }
    split(oracle, list, " "); for (i in list) { split(list[i], part, "="); peaks[part[1]] = part[2] }
    for (block = 0; block < blocks; block++)
        for (w = 1; w <= works_n; w++) {
            split(work[w], wt, "/"); count = 0
            for (i = 1; i <= n; i++) order[++count] = i
            order[++count] = 1
            for (i = count; i > 1; i--) { j = int(rand() * i) + 1; t = order[i]; order[i] = order[j]; order[j] = t }
            for (i = 1; i <= count; i++) { split(config[order[i]], c, "="); sample(wt[1], wt[2], c[1], c[2], block, i, order[i] == 1) }
            for (i = 1; i <= n; i++) { split(config[i], c, "="); split(c[1], axis, "@"); if (axis[3] in peaks) sample(wt[1], wt[2], c[1], c[2], block, count + i, 0, 1) }
        }
}
