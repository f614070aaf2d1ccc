# latency: requests by percentile, simple and metered side by side, a line a configuration
# Settings: NAME TITLE0 N CHARS TAIL (decades) YMIN YMAX TITLE[] COLOUR[] MARK[] DASH[]; data, three blocks a series (simple, metered
# over 100 ms, metered over all): 1/(1-p) seconds
array PANEL[3] = ["simple", "metered, 100 ms", "metered, full"]
W = 900 + 8 * CHARS
if (W < 140 + 9 * strlen(TITLE0)) { W = 140 + 9 * strlen(TITLE0) }
do for [T in "svg pngcairo"] {
    if (T eq "svg") { set terminal svg size W,400 font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,800 font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set multiplot title TITLE0
    set logscale xy
    set grid lc rgb "#dddddd"
    set border 3
    set tics nomirror
    set xtics ("50" 2, "90" 10, "99" 100, "99.9" 1000, "99.99" 10000, "99.999" 100000) font ",11"
    set xtics add ("max" 10**TAIL)
    set xrange [1.8:10**TAIL*1.3]
    set yrange [YMIN/1.3:YMAX*1.3]
    set tmargin at screen 0.83
    set bmargin at screen 0.16
    set xlabel "percentile"
    set ylabel "one request"
    do for [k=1:3] {
        set lmargin at screen (80.0 + 255 * (k - 1)) / W
        set rmargin at screen (80.0 + 255 * (k - 1) + 225) / W
        set title PANEL[k] font ",12" offset 0,-0.5
        set format y (k == 1 ? "%.0s %cs" : "")
        unset key
        if (k == 2) { unset ylabel }
        if (k == 3) { set key at screen 0.995, screen 0.85 right top Left reverse samplen 3 spacing 1.2 }
        plot for [i=1:N] NAME.".data" index 3*(i-1)+k-1 using 1:2 with linespoints lc rgb COLOUR[i] pt MARK[i] dt DASH[i] lw 2 ps 0.7 title TITLE[i]
    }
    unset multiplot
    set output
}
