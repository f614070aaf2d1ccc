# throughput: operations a second against threads, a line a configuration, the 95 % interval as a band
# Settings: NAME TITLE0 N CHARS (of the longest title) LOGY XMAX TITLE[] COLOUR[] MARK[] DASH[]; data, a block a series: threads rate low high
W = 620 + 9 * CHARS
if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,420 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,840 font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set label 1 TITLE0 at screen 0.5, 1 - 20.0 / 420.0 center # over labels and key too, which may be as wide as the graph
    set tmargin 3
    set xlabel "threads"
    set ylabel "operations a second"
    set format y (LOGY ? "%.0s %c" : "%.1s %c") # steps of 500 k or 2.5 M show
    set grid ytics lc rgb "#dddddd"
    set border 3
    set tics nomirror
    set xtics 1
    if (XMAX > 16) { set logscale x 2 }
    set xrange [(XMAX > 16 ? 0.9 : 0.7) : (XMAX > 16 ? XMAX * 1.1 : XMAX + 0.3)]
    if (LOGY) { set logscale y } else { set yrange [0:*] }
    set key outside right top Left reverse samplen 3 spacing 1.2
    plot for [i=1:N] NAME.".data" index i-1 using 1:3:4 with filledcurves fs transparent solid 0.15 noborder lc rgb COLOUR[i] notitle, \
         for [i=1:N] NAME.".data" index i-1 using 1:2 with linespoints lc rgb COLOUR[i] pt MARK[i] dt DASH[i] lw 2 ps 0.8 title TITLE[i]
    set output
}
