# ratios: throughput over the baseline's, a dot and a 95 % interval a configuration
# Settings: NAME TITLE0 N CHARS LOGX XMIN XMAX XLABEL LABEL[] COLOUR[] MARK[]; data, a block a configuration: place value low high
do for [T in "svg pngcairo"] {
    H = 140 + 28 * N
    W = 600 + 8 * CHARS
    if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
    if (T eq "svg") { set terminal svg size W,H font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,2*H font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set label 1 TITLE0 at screen 0.5, 1 - 20.0 / H center # over labels and key too, which may be as wide as the graph
    set tmargin 3
    set xlabel XLABEL
    set border 1
    set tics nomirror
    set grid xtics lc rgb "#dddddd"
    if (LOGX) { # decades alone would leave most axes with a single number
        set logscale x
        do for [E=-4:4] { do for [K in "2 5"] { set xtics add (sprintf("%g", K * 10.0**E) K * 10.0**E) } }
    }
    set xrange [XMIN:XMAX]
    set yrange [N+0.6:0.4]
    unset ytics
    set ytics scale 0 ("" 0)
    do for [i=1:N] { set ytics add (LABEL[i] i) }
    set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb "#888888" dt 2
    plot for [i=1:N] NAME.".data" index i-1 using 2:1:3:4 with xerrorbars lc rgb COLOUR[i] pt MARK[i] lw 2 ps 0.9 notitle, \
         for [i=1:N] NAME.".data" index i-1 using 4:1:(sprintf("  %.3g", $2)) with labels left font ",11" notitle
    set output
}
