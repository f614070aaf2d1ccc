# pareto: two figures of which less is better, a point with its intervals a configuration; grey: the bound of what can be had
# Settings: NAME TITLE0 N CHARS XLABEL YLABEL LOGX LOGY XMIN XMAX YMIN YMAX TITLE[] COLOUR[] MARK[]; data, a block
# a configuration: x y x-low x-high y-low y-high; then a block of the bound: x y
W = 620 + 9 * CHARS
if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,400 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,800 font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set label 1 TITLE0 at screen 0.5,0.95 center # over the key too, which may be as wide as the graph
    set tmargin 4
    set xlabel XLABEL
    set ylabel YLABEL
    if (LOGX) { set logscale x }
    if (LOGY) { set logscale y }
    set format x (XMAX >= 10000 ? "%.0s%c" : "%g")
    set format y "%g"
    set grid lc rgb "#dddddd"
    set border 3
    set tics nomirror
    set xrange [XMIN:XMAX]
    set yrange [YMIN:YMAX]
    set key outside right top Left reverse samplen 1 spacing 1.2
    plot NAME.".data" index N using 1:2 with steps lc rgb "#bbbbbb" lw 2 notitle, \
         for [i=1:N] NAME.".data" index i-1 using 1:2:3:4:5:6 with xyerrorbars lc rgb COLOUR[i] pt MARK[i] lw 2 ps 1 title TITLE[i]
    set output
}
