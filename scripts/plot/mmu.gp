# mmu: least share of any window that the mutator had (MMU), and the least over longer windows (BMU, dashed), against the window
# Settings: NAME TITLE0 N CHARS XMIN XMAX TITLE[] COLOUR[] MARK[] DASH[]; data, a block a series: seconds mmu bmu
W = 620 + 9 * CHARS
if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,400 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,800 font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set label 1 TITLE0 at screen 0.5, 1 - 20.0 / 400.0 center # over labels and key too, which may be as wide as the graph
    set tmargin 3
    set xlabel "window"
    set ylabel "mutator utilisation"
    set logscale x
    set format x "%.0s %cs"
    set format y "%g"
    set grid lc rgb "#dddddd"
    set border 3
    set tics nomirror
    set xrange [XMIN/1.15 : XMAX*1.15]
    set yrange [0:1]
    set ytics 0.2
    set key outside right top Left reverse samplen 3 spacing 1.2
    plot for [i=1:N] NAME.".data" index i-1 using 1:3 with lines lc rgb COLOUR[i] dt 2 lw 1 notitle, \
         for [i=1:N] NAME.".data" index i-1 using 1:2 with linespoints lc rgb COLOUR[i] pt MARK[i] lw 2 ps 0.8 title TITLE[i]
    set output
}
