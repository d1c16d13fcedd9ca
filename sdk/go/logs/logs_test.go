package logs

import (
	"slices"
	"testing"

	"weir/internal/columns"
)

func batch(to *edits) *Batch {
	b := newBatch(2, columns.Strings{Text: "tracet", Ends: []uint32{5, 6}}, columns.Strings{Text: "héllo", Ends: []uint32{6, 6}}, to)
	b.metadata = columns.Sets{Strings: &b.strings, Pairs: []uint32{0, 1}, Ends: []uint32{0, 1}}
	b.sets = columns.Sets{Strings: &b.strings}
	return b
}

func TestEverythingOfALineCanChange(t *testing.T) {
	var to edits
	for range 2 { // what a call leaves behind does not reach the next
		b := batch(&to)
		for _, row := range slices.Backward(slices.Collect(b.Rows())) {
			row.SetLine("first")
			row.SetLine(row.Line(), "!")
			row.SetTimestamp(int64(row.Index()))
			row.SetMetadata("m", "1")
			row.RemoveMetadata("trace")
		}
		if changes, err := to.finish(); !changes || err != nil {
			t.Fatal(changes, err)
		}
		if string(to.lines.Text) != "héllo!!" || !slices.Equal(to.lines.Ends, []uint32{7, 8}) || !slices.Equal(to.changed.Numbers, []uint32{0, 1}) {
			t.Error(string(to.lines.Text), to.lines.Ends, to.changed.Numbers)
		}
		if !slices.Equal(to.times, []int64{0, 1}) || !slices.Equal(to.timed.Numbers, []uint32{0, 1}) {
			t.Error(to.times, to.timed.Numbers)
		}
		if !to.labels.Empty() || len(to.metadata.Assigned.Numbers) == 0 {
			t.Error("metadata and labels are two things")
		}
	}
}

func TestOnlyWhatIsWantedIsThere(t *testing.T) {
	var to edits
	b := newBatch(2, columns.Strings{}, columns.Strings{}, &to)
	b.sets, b.metadata = columns.Sets{Strings: &b.strings}, columns.Sets{Strings: &b.strings}
	for row := range b.Rows() {
		if start, end := row.Range(); row.Line() != "" || row.Timestamp() != 0 || row.Label("x") != "" || row.Metadata("x") != "" || start != end {
			t.Error(row.Index())
		}
	}
	if changes, err := to.finish(); changes || err != nil {
		t.Error(changes, err)
	}
}

func TestRowsMeanNothingBehindTheirCall(t *testing.T) {
	var to edits
	b := batch(&to)
	row := slices.Collect(b.Rows())[0]
	*b = Batch{}
	defer func() {
		if recover() == nil {
			t.Error("a row of a call that is over is a bug, and is told so")
		}
	}()
	row.Drop()
}
