# heapmap: what lies where in a heap, at three moments: arenas downwards, pools along them, blue as they are full
# Settings: NAME TITLE0 ROWS PANEL[3]; data: panel arena from to kind (-2 arena not covered by pools, -1 empty, 0..1 how full)
do for [T in "svg pngcairo"] {
    W = 900
    BAND = 46 + 14 * ROWS
    H = 90 + 3 * BAND
    if (T eq "svg") { set terminal svg size W,H font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,2*H font "sans,13" fontscale 2 linewidth 2 background rgb "white" noenhanced; set output NAME.".png" }
    set multiplot title TITLE0." (blue: full; white to blue: partly; grey: empty; black: lost or not carved)" font ",13"
    unset key
    unset colorbox
    set palette defined (0 "#F4F8FB", 1 "#0072B2")
    set cbrange [0:1]
    set border 0
    set ytics 0,(ROWS > 12 ? 8 : 1) out nomirror scale 0.3
    set xrange [0:64]
    set yrange [ROWS-0.5:-0.5]
    set ylabel "arena"
    unset xtics
    do for [P=1:3] {
        set tmargin at screen 1 - (46.0 + (P-1) * BAND + 24) / H
        set bmargin at screen 1 - (46.0 + P * BAND - 12) / H
        set lmargin at screen 60.0 / W
        set rmargin at screen 1 - 15.0 / W
        set title PANEL[P] offset 0,-0.6
        only(shown, v) = shown ? v : -10
        plot NAME.".data" using (only($1 == P-1 && $5 == -2, $3)):2:(only($1 == P-1 && $5 == -2, $3)):(only($1 == P-1 && $5 == -2, $4)):($2-0.42):($2+0.42) with boxxyerror fs solid 1 noborder lc rgb "#222222", \
             NAME.".data" using (only($1 == P-1 && $5 == -1, $3)):2:(only($1 == P-1 && $5 == -1, $3)):(only($1 == P-1 && $5 == -1, $4)):($2-0.42):($2+0.42) with boxxyerror fs solid 1 noborder lc rgb "#CCCCCC", \
             NAME.".data" using (only($1 == P-1 && $5 >= 0, $3)):2:(only($1 == P-1 && $5 >= 0, $3)):(only($1 == P-1 && $5 >= 0, $4)):($2-0.42):($2+0.42):5 with boxxyerror fs solid 1 noborder lc palette, \
             NAME.".data" using (only($1 == P-1 && $5 >= -1, $3)):2:(only($1 == P-1 && $5 >= -1, $3)):(only($1 == P-1 && $5 >= -1, $4)):($2-0.42):($2+0.42) with boxxyerror fs empty lc rgb "#FFFFFF" lw 0.3
    }
    unset multiplot
    set output
}
