package answer

import (
	"fmt"
	"slices"
	"testing"
)

func TestRowsAscendWhateverTheOrderOfWork(t *testing.T) {
	var ops Ops
	for _, op := range [][2]uint32{{3, 0}, {1, 0}, {3, 1}, {2, 9}} {
		ops.Push2(op[0], op[1])
	}
	ops.Ascend(2)
	if !slices.Equal(ops.Numbers, []uint32{1, 0, 2, 9, 3, 0, 3, 1}) {
		t.Error(ops.Numbers)
	}
}

func TestARowIsDroppedOnce(t *testing.T) {
	for _, c := range []struct{ in, out []uint32 }{{[]uint32{4, 4, 1, 4}, []uint32{1, 4}}, {[]uint32{0, 0}, []uint32{0}}, {nil, nil}} {
		var ops Ops
		for _, row := range c.in {
			ops.Push1(row)
		}
		ops.Distinct()
		if !slices.Equal(ops.Numbers, c.out) {
			t.Error(c.in, ops.Numbers)
		}
	}
}

func TestTheLastChangeOfARowCounts(t *testing.T) {
	for _, c := range []struct {
		in   []uint32
		want []int
	}{{[]uint32{4, 1, 4}, []int{1, 2}}, {[]uint32{1, 4}, nil}, {[]uint32{2, 2}, []int{1}}, {[]uint32{5, 5, 3, 5, 3}, []int{4, 3}}} {
		var ops Ops
		for _, row := range c.in {
			ops.Push1(row)
		}
		if got := ops.LastOfEach(); !slices.Equal(got, c.want) {
			t.Error(c.in, got)
		}
	}
}

func TestStringsAreAddedOnce(t *testing.T) {
	var s Strings
	s.Reset(7)
	for range 2 {
		for i := range uint32(100) {
			if got := s.Index(fmt.Sprint("v", i)); got != 7+i {
				t.Fatal(i, got)
			}
		}
	}
	if s.Index("") != 107 || s.Index("v99") != 106 || s.Index("") != 107 || len(s.Added.Ends) != 101 {
		t.Error("the empty string is one as well")
	}
	s.Reset(1)
	if s.Index("v5") != 1 {
		t.Error("a batch does not know the strings of the last")
	}
}

func TestRemovingWhatWasJustSetWins(t *testing.T) {
	var s Strings
	var l Labels
	s.Reset(10)
	l.Remove(1, "a", &s)
	l.Set(1, "a", "x", &s)
	l.Remove(1, "a", &s)
	l.Finish()
	if !slices.Equal(l.Removed.Numbers, []uint32{1, 10}) || !slices.Equal(l.Assigned.Numbers, []uint32{1, 10, 11, 1, 10, 12}) {
		t.Error(l)
	}
}

func TestTextThatIsNoneIsAnErrorWithItsRow(t *testing.T) {
	var lines Table
	lines.Push("ascii")
	if lines.CheckLines([]uint32{3}) != nil {
		t.Error("ascii is text")
	}
	lines.Push("zü"[:2])
	lines.Push("\xbcrich") // as a whole it would be
	if err := lines.CheckLines([]uint32{3, 8, 9}); err == nil || err.Error() != `the new text of row 8 is no UTF-8: "z\xc3"` {
		t.Error(err)
	}
	var s Strings
	s.Index("\xff")
	if err := s.Check(); err == nil || err.Error() != `a label's name or value is no UTF-8: "\xff"` {
		t.Error(err)
	}
}
