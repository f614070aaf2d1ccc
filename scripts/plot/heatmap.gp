# heatmap: throughput over the baseline's, every workload and allocator; in brackets where it is not sure
# Settings: NAME TITLE0 COLUMNS ROWS CHARS COLUMN_CHARS SPAN ROW[] COLUMN[]; data: column row log2-ratio label
do for [T in "svg pngcairo"] {
    W = 60 + 9 * CHARS + 74 * COLUMNS
    BOTTOM = 40 + 6 * COLUMN_CHARS # the labels lean
    H = 52 + BOTTOM + 30 * ROWS
    if (T eq "svg") { set terminal svg size W,H font "sans,13" background rgb "white" noenhanced; set output NAME.".svg" }
    if (T eq "pngcairo") { set terminal pngcairo size 2*W,2*H font "sans,13" fontscale 2 linewidth 2 background rgb "white" noenhanced; set output NAME.".png" }
    set title TITLE0
    unset key
    unset colorbox
    unset border
    set palette defined (-1 "#D55E00", 0 "#FFFFFF", 1 "#0072B2")
    set cbrange [-SPAN:SPAN]
    set lmargin at screen (30.0 + 9 * CHARS) / W
    set rmargin at screen 1 - 20.0 / W
    set tmargin at screen 1 - 52.0 / H
    set bmargin at screen 1.0 * BOTTOM / H
    set xrange [0.5:COLUMNS+0.5]
    set yrange [ROWS+0.5:0.5]
    set xtics scale 0 rotate by 35 right ("" 0)
    set ytics scale 0 ("" 0)
    do for [i=1:COLUMNS] { set xtics add (COLUMN[i] i) }
    do for [i=1:ROWS] { set ytics add (ROW[i] i) }
    clip(v) = v > SPAN ? SPAN : v < -SPAN ? -SPAN : v
    plot NAME.".data" using 1:2:(0.48):(0.46):(clip($3)) with boxxyerror fs solid 1 border lc rgb "#cccccc" lc palette, \
         NAME.".data" using 1:2:4:(abs(clip($3)) > 0.7 * SPAN ? 0xFFFFFF : 0x000000) with labels font ",11" textcolor rgb variable
    set output
}
