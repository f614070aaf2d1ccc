# timeline: resident memory above the baseline's and live bytes, over bytes allocated (the same for every speed) and over seconds; then what comes after the
# measured phase, drain and settle, over seconds from its end
# Settings: NAME TITLE0 N CHARS YLABEL YMAX TMAX GMAX ALLOCATED MARKS AFTER LAZY TITLE[] COLOUR[] DASH[];
# data, a block a series: seconds GiB-allocated rss live (MiB); then a block a series: collections, from and to (seconds); then a block a
# series: seconds after the measured phase, rss, rss without what was freed lazily, rss where all is freed
nice(step) = (m = 10**floor(log10(step)), step / m < 1.5 ? m : step / m < 3 ? 2 * m : step / m < 7 ? 5 * m : 10 * m)
X1 = ALLOCATED ? 385.0 : 70.0
X2 = 665.0
X3 = X2 + (AFTER > 0 ? 285 : 0)
W = X3 + 90 + 10 * CHARS # the key stands right of the last graph
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,400 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,800 font "sans,13" fontscale 2 linewidth 2 background rgb "white" noenhanced; set output NAME.".png" }
    set multiplot title TITLE0
    set border 3
    set tics nomirror
    set grid lc rgb "#dddddd"
    ROW = 0.05 * YMAX
    set yrange [0:YMAX + (MARKS ? (N + 0.5) * ROW : 0)]
    set tmargin at screen 0.9
    set bmargin at screen 0.15
    set ylabel YLABEL
    unset key
    if (ALLOCATED) {
        set lmargin at screen 70.0 / W
        set rmargin at screen 350.0 / W
        set xlabel "GiB allocated so far"
        set xtics nice(GMAX / 3)
        plot NAME.".data" index 0 using 2:4 with filledcurves y=0 fs solid 0.15 noborder lc rgb "#000000" notitle, \
             for [i=1:N] NAME.".data" index i-1 using 2:3 with lines lc rgb COLOUR[i] dt DASH[i] lw 2 notitle
        set ylabel ""
        set format y ""
    }
    set lmargin at screen X1 / W
    set rmargin at screen X2 / W
    set xlabel "seconds"
    set xtics nice(TMAX / 4)
    set key at screen 0.995, screen 0.9 right top Left reverse samplen 2 spacing 1.2
    plot for [i=1:N] NAME.".data" index i-1 using 1:3 with lines lc rgb COLOUR[i] dt DASH[i] lw 2 title TITLE[i], \
         NAME.".data" index 0 using 1:(ALLOCATED ? NaN : $4) with filledcurves y=0 fs solid 0.15 noborder lc rgb "#000000" notitle, \
         for [i=1:(MARKS ? N : 0)] NAME.".data" index N+i-1 using (($1+$2)/2):(YMAX + (N - i + 0.5)*ROW):1:($2 > $1 + 0.003*TMAX ? $2 : $1 + 0.003*TMAX):(YMAX + (N - i + 0.15)*ROW):(YMAX + (N - i + 0.85)*ROW) with boxxyerror fs solid 1 noborder lc rgb COLOUR[i] notitle, \
         keyentry with filledcurves fs solid 0.15 noborder lc rgb "#000000" title "live"
    if (AFTER > 0) {
        unset key
        set lmargin at screen (X2 + 45) / W
        set rmargin at screen X3 / W
        set ylabel ""
        set format y ""
        set xlabel "seconds after the load"
        set xtics nice(AFTER / 3)
        set xrange [0:AFTER]
        plot for [i=1:N] NAME.".data" index 2*N+i-1 using 1:2 with lines lc rgb COLOUR[i] dt DASH[i] lw 2 notitle, \
             for [i=1:(LAZY ? N : 0)] NAME.".data" index 2*N+i-1 using 1:3 with lines lc rgb COLOUR[i] dt 3 lw 1 notitle, \
             for [i=1:N] NAME.".data" index 2*N+i-1 using 1:4 with points pt 7 ps 1 lc rgb COLOUR[i] notitle
        set xrange [*:*]
    }
    set format y "%g"
    unset multiplot
    set output
}
