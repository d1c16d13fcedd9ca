module cost

go 1.24

require weir v0.1.0

replace weir => ../..
