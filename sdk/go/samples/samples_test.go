package samples

import (
	"slices"
	"testing"

	"weir/internal/columns"
)

func TestOnlyFloatsHaveValues(t *testing.T) {
	var to edits
	b := newBatch(3, columns.Strings{Text: "units", Ends: []uint32{4, 5}}, &to)
	b.sets = columns.Sets{Strings: &b.strings, Pairs: []uint32{0, 1}, Ends: []uint32{1}, OfRow: []uint32{0, 0, 0}}
	b.kinds, b.values, b.timestamps = []byte{0, 1, 9}, []float64{1.5, 0, 0}, []int64{1 << 60, 2, 3}
	kinds := []Kind{Float, Histogram, Stale}
	for row := range b.Rows() {
		value, ok := row.Value()
		if row.Kind() != kinds[row.Index()] || ok != (row.Kind() == Float) || row.Label("unit") != "s" || row.StartTimestamp() != 0 {
			t.Error(row.Index())
		}
		row.SetValue(0)
		row.SetValue(2 * value)
		row.Set("unit", "ms")
	}
	if b.Row(0).Timestamp() != 1<<60 {
		t.Error("times are whole numbers")
	}
	if changes, err := to.finish(); !changes || err != nil {
		t.Fatal(changes, err)
	}
	if !slices.Equal(to.changed.Numbers, []uint32{0}) || !slices.Equal(to.values, []float64{3}) {
		t.Error(to.changed.Numbers, to.values)
	}
}
