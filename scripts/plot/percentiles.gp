# percentiles: pauses or latencies by percentile, a line a configuration
# Settings: NAME TITLE0 YLABEL N CHARS TAIL (decades) TITLE[] COLOUR[] MARK[] DASH[]; data, a block a series: 1/(1-p) seconds
W = 620 + 9 * CHARS
if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,400 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,800 font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set label 1 TITLE0 at screen 0.5, 1 - 20.0 / 400.0 center # over labels and key too, which may be as wide as the graph
    set tmargin 3
    set xlabel "percentile"
    set ylabel YLABEL
    set logscale xy
    set format y "%.0s %cs"
    set grid lc rgb "#dddddd"
    set border 3
    set tics nomirror
    set xtics ("50" 2, "90" 10, "99" 100, "99.9" 1000, "99.99" 10000, "99.999" 100000)
    set xtics add ("max" 10**TAIL)
    set xrange [1.8:10**TAIL*1.15]
    set key outside right top Left reverse samplen 3 spacing 1.2
    plot for [i=1:N] NAME.".data" index i-1 using 1:2 with linespoints lc rgb COLOUR[i] pt MARK[i] dt DASH[i] lw 2 ps 0.8 title TITLE[i]
    set output
}
