# heapmap: what lies where in a heap, at three moments: arenas downwards, pools along them, blue as they are full; below, how many bytes
# are in which state, time downwards
# Settings: NAME TITLE0 ROWS PANEL[3] MOMENT[3] STATE[5] MIB; data: panel arena from to kind (-2 lost to alignment, -1 empty, 0..1 how full);
# panel 3: moment from to state
do for [T in "svg pngcairo"] {
    W = 900
    BAND = 46 + 14 * ROWS
    H = 90 + 3 * BAND + 192
    if (T eq "svg") { set terminal svg size W,H font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,2*H font "sans,13" fontscale 2 linewidth 2 background rgb "white" noenhanced; set output NAME.".png" }
    set multiplot title TITLE0." (blue: full; white to blue: partial; grey: empty; black: lost to alignment)" font ",13"
    unset key
    unset colorbox
    set palette defined (0 "#F4F8FB", 1 "#0072B2")
    set cbrange [0:1]
    set border 0
    set ytics 0,(ROWS > 12 ? 8 : 1) out nomirror scale 0.3
    set xrange [0:64]
    set yrange [ROWS-0.5:-0.5]
    set ylabel "arena"
    unset xlabel # of the terminal before
    unset xtics
    do for [P=1:3] {
        set tmargin at screen 1 - (46.0 + (P-1) * BAND + 24) / H
        set bmargin at screen 1 - (46.0 + P * BAND - 12) / H
        set lmargin at screen 60.0 / W
        set rmargin at screen 1 - 15.0 / W
        set title PANEL[P] offset 0,-0.6
        only(shown, v) = shown ? v : -10
        plot NAME.".data" using (only($1 == P-1 && $5 == -1, $3)):2:(only($1 == P-1 && $5 == -1, $3)):(only($1 == P-1 && $5 == -1, $4)):($2-0.42):($2+0.42) with boxxyerror fs solid 1 noborder lc rgb "#CCCCCC", \
             NAME.".data" using (only($1 == P-1 && $5 == -2, $3)):2:(only($1 == P-1 && $5 == -2, $3)):(only($1 == P-1 && $5 == -2, $4)):($2-0.42):($2+0.42) with boxxyerror fs solid 1 noborder lc rgb "#222222", \
             NAME.".data" using (only($1 == P-1 && $5 >= 0, $3)):2:(only($1 == P-1 && $5 >= 0, $3)):(only($1 == P-1 && $5 >= 0, $4)):($2-0.42):($2+0.42):5 with boxxyerror fs solid 1 noborder lc palette, \
             NAME.".data" using (only($1 == P-1 && $5 >= -1, $3)):2:(only($1 == P-1 && $5 >= -1, $3)):(only($1 == P-1 && $5 >= -1, $4)):($2-0.42):($2+0.42) with boxxyerror fs empty lc rgb "#FFFFFF" lw 0.3
    }
    set tmargin at screen 1 - (46.0 + 3 * BAND + 58) / H
    set bmargin at screen 62.0 / H
    set lmargin at screen 150.0 / W
    unset title
    set key at graph 0.44,1.12 center bottom horizontal samplen 0.8 spacing 1 font ",11"
    set xrange [0:MIB*1.02]
    set yrange [2.5:-0.5]
    unset ylabel
    set xlabel "MiB" offset 0,0.4
    set xtics out nomirror scale 0.3
    set border 1
    set ytics (MOMENT[1] 0, MOMENT[2] 1, MOMENT[3] 2) out nomirror scale 0
    array COLOUR[5] = ["#0072B2", "#56B4E9", "#D6E9F5", "#CCCCCC", "#222222"]
    plot for [K=1:5] NAME.".data" using ($1 == 3 && $5 == K-1 ? $3 : NaN):2:3:4:($2-0.36):($2+0.36) with boxxyerror fs solid 1 noborder lc rgb COLOUR[K] title STATE[K]
    unset multiplot
    set output
}
