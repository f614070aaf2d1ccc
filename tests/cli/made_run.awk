# Writes the samples of a made-up run, with known truth: every sample of a configuration is base * factor * noise, log-normal noise.
#   works    "churn/1 churn/2 larson/1 cycles/1"      workload/threads; cycles is object level, with pauses
#   configs  "system=1 pools=1.1 pymalloc=0.9"        throughput over the baseline's; the first runs twice a block
#   within: drift (a log) from one sample of a block to the next
#   blocks, noise, seed, memory (factor of peak memory of all but the first), status ("pools=crashed": its samples failed)
function gauss() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307179586 * rand()) }
function sample(work, threads, alloc, factor, block, position, first,    object, rate, rss, ok, i, live) {
    object = work == "cycles" || work == "long-lived"
    rate = 1e7 * factor * threads ^ 0.9 * exp(noise * gauss() + within * position)
    rss = int(50e6 * (first ? 1 : memory) * exp(noise * gauss() / 4))
    ok = !(alloc in bad)
    printf "{\"schema\":1,\"run_id\":\"made\",\"cell_id\":\"%s-%s-%d\",\"block\":%d,\"position\":%d,\"seed\":1,", work, alloc, threads, block, position
    printf "\"status\":\"%s\",\"reason\":%s,", ok ? "ok" : bad[alloc], ok ? "null" : "\"SIGSEGV in the measured phase\""
    printf "\"cell\":{\"workload\":\"%s\",\"params\":{\"live\":1000},\"alloc\":\"%s\",\"rc\":\"%s\",\"gc\":\"%s\",\"threads\":%d,\"processes\":1,\"place\":\"none\"},", work, alloc, object ? "gil" : "none", object ? "generational:version=3.11" : "none", threads
    if (!ok) { printf "\"ops\":null,\"wall_ns\":null,\"ops_per_s\":null}\n"; return }
    printf "\"ops\":10000000,\"wall_ns\":%d,\"cpu_ns\":%d,\"ops_per_s\":%.3f,\"checksum\":\"1\",", 1e16 / rate, 1e16 / rate, rate
    printf "\"latency\":{\"malloc\":{\"count\":10000,\"p50_ns\":%d,\"p90_ns\":%d,\"p99_ns\":%d,\"p99_9_ns\":%d,\"p99_99_ns\":%d,\"max_ns\":90000,\"control_p50_ns\":20}},", 4e8 / rate, 6e8 / rate, 2e9 / rate, 1e10 / rate, 1e11 / rate
    if (object) printf "\"pauses\":{\"count\":120,\"total_ns\":%d,\"p50_ns\":%d,\"p99_ns\":%d,\"p99_9_ns\":%d,\"max_ns\":%d,\"mmu\":{\"10ms\":0.8}},", 2e13 / rate, 1e12 / rate, 3e12 / rate, 4e12 / rate, 5e12 / rate
    printf "\"memory\":{\"baseline_rss_bytes\":2000000,\"peak_rss_bytes\":%d,\"peak_live_requested_bytes\":40000000},", rss
    printf "\"fragmentation\":{\"jw2\":%.4f,\"external\":%.4f},", (rss - 2e6) / 4e7, (rss - 2e6) / 4.2e7
    printf "\"timeline\":{\"t_ns\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i * 2e14 / rate
    printf "],\"rss_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", 2e6 + (rss - 2e6) * (i < 20 ? i / 20 : i < 40 ? 1 : 0.5)
    printf "],\"live_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i < 20 ? i * 2e6 : i < 40 ? 4e7 : 0
    printf "],\"allocated_bytes\":["; for (i = 0; i < 50; i++) printf "%s%d", i ? "," : "", i * 1e7
    printf "]},\"os\":{\"involuntary_switches\":3,\"steal_ns\":0}}\n"
}
BEGIN {
    srand(seed == "" ? 1 : seed); if (memory == "") memory = 1
    n = split(configs, config, " "); works_n = split(works == "" ? "churn/1" : works, work, " ")
    split(status, list, " "); for (i in list) { split(list[i], part, "="); bad[part[1]] = part[2] }
    for (block = 0; block < blocks; block++)
        for (w = 1; w <= works_n; w++) {
            split(work[w], wt, "/"); count = 0
            for (i = 1; i <= n; i++) order[++count] = i
            order[++count] = 1
            for (i = count; i > 1; i--) { j = int(rand() * i) + 1; t = order[i]; order[i] = order[j]; order[j] = t }
            for (i = 1; i <= count; i++) { split(config[order[i]], c, "="); sample(wt[1], wt[2], c[1], c[2], block, i, order[i] == 1) }
        }
}
