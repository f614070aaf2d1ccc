# memory: the heap at its peak with the live part of it, and fragmentation, a bar a configuration
# Settings: NAME TITLE0 N CHARS XMAX FMIN FMAX LABEL[] COLOUR[] VALUE[] FVALUE[]; data, a block a configuration: place peak live jw4 external (MiB)
label_at(peak, live) = (m = live > peak ? live : peak, m > XMAX * 0.75 ? XMAX * 0.74 : m)
shown(ratio) = ratio >= FMIN && ratio <= FMIN + 0.6 * (FMAX - FMIN) ? ratio : NaN
nice(step) = (m = 10**floor(log10(step)), step / m < 1.5 ? m : step / m < 3 ? 2 * m : step / m < 7 ? 5 * m : 10 * m)
do for [T in "svg pngcairo"] {
    H = 120 + 28 * N
    W = 600 + 9 * CHARS
    if (T eq "svg") { set terminal svg size W,H font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,2*H font "sans,13" fontscale 2 linewidth 2 pointscale 2 background rgb "white" noenhanced; set output NAME.".png" }
    set multiplot title TITLE0
    set border 1
    set tics nomirror
    set grid xtics lc rgb "#dddddd"
    set yrange [N+0.6:0.4]
    set ytics scale 0 ("" 0)
    do for [i=1:N] { set ytics add (LABEL[i] i) }
    set style fill solid 0.75 noborder
    set tmargin at screen 1 - 40.0 / H
    set bmargin at screen 62.0 / H
    set lmargin at screen (20.0 + 9 * CHARS) / W
    set rmargin at screen (325.0 + 9 * CHARS) / W
    set xlabel "MiB of heap at the peak (yellow: live)" font ",12"
    set xrange [0:XMAX]
    set xtics nice(XMAX / 5)
    plot for [i=1:N] NAME.".data" index i-1 using ($2/2):1:($2/2):(0.34) with boxxyerror lc rgb COLOUR[i] notitle, \
         for [i=1:N] NAME.".data" index i-1 using ($3/2):1:($3/2):(0.12) with boxxyerror fs solid 1 noborder lc rgb "#F0E442" notitle, \
         for [i=1:N] NAME.".data" index i-1 using (label_at($2, $3)):1:(VALUE[i]) with labels left offset 0.5,0 font ",11" textcolor rgb "#000000" notitle
    set lmargin at screen (360.0 + 9 * CHARS) / W
    set rmargin at screen (580.0 + 9 * CHARS) / W
    do for [i=1:N] { set ytics add ("" i) }
    set xlabel "heap/live (dot), ext (ring)" font ",12"
    set xrange [FMIN:FMAX]
    set xtics nice((FMAX - FMIN) / 4)
    set arrow 1 from first 1, graph 0 to first 1, graph 1 nohead lc rgb "#888888" dt 2
    plot for [i=1:N] NAME.".data" index i-1 using (shown($4)):1 with points pt 7 ps 0.9 lc rgb COLOUR[i] notitle, \
         for [i=1:N] NAME.".data" index i-1 using (shown($5)):1 with points pt 6 ps 1.3 lw 2 lc rgb COLOUR[i] notitle, \
         for [i=1:N] NAME.".data" index i-1 using (FMIN + 0.6*(FMAX - FMIN)):1:(FVALUE[i]) with labels left font ",11" notitle
    unset arrow 1
    unset multiplot
    set output
}
