package columns

import (
	"math"
	"slices"
	"testing"
)

// sets of three rows: {env="debug", job="a"}, {}, {env="prod"}.
func sets() *Sets {
	strings := &Strings{Text: "envdebugjobaprod", Ends: []uint32{3, 8, 11, 12, 16}}
	return &Sets{Strings: strings, Pairs: []uint32{0, 1, 2, 3, 0, 4}, Ends: []uint32{2, 2, 3}}
}

func TestColumnsAreReadInPlace(t *testing.T) {
	bytes := Bytes([]int64{math.MinInt64, 1, math.MaxInt64})
	if got := Of[int64](bytes[:23]); !slices.Equal(got, []int64{math.MinInt64, 1}) {
		t.Errorf("a rest is no number: %v", got)
	}
	if len(Of[float64](nil)) != 0 || len(Bytes[uint32](nil)) != 0 {
		t.Error("nothing is empty")
	}
}

func TestLabels(t *testing.T) {
	s := sets()
	for round := range 3 { // the second time names are known
		for _, c := range []struct {
			row         uint32
			name, value string
		}{{0, "env", "debug"}, {0, "job", "a"}, {1, "env", ""}, {2, "env", "prod"}, {0, "en", ""}, {0, "a", ""}, {2, "nowhere", ""}} {
			if got := s.Label(c.row, c.name); got != c.value {
				t.Errorf("round %d, row %d: %s is %q, not %q", round, c.row, c.name, got, c.value)
			}
		}
	}
	s.OfRow = []uint32{2, 0}
	if s.Label(0, "env") != "prod" || s.Label(1, "job") != "a" {
		t.Error("rows share sets")
	}
	var got []string
	s.Labels(1, func(name, value string) bool { got = append(got, name, value); return true })
	if !slices.Equal(got, []string{"env", "debug", "job", "a"}) {
		t.Error(got)
	}
}

func TestHavingLooksAtEachValueOnce(t *testing.T) {
	for _, ofRow := range [][]uint32{nil, {0, 1, 2, 0, 0}} {
		s := sets()
		s.OfRow = ofRow
		rows := uint32(max(3, len(ofRow)))
		var asked []string
		var got []uint32
		s.Having(rows, "env", func(value string) bool { asked = append(asked, value); return value != "prod" }, func(row uint32) bool {
			got = append(got, row)
			return true
		})
		if !slices.Equal(asked, []string{"", "debug", "prod"}) {
			t.Error(asked)
		}
		if want := []uint32{0, 1, 3, 4}; !slices.Equal(got, want[:len(got)]) || len(got) != int(rows)-1 {
			t.Error(got)
		}
	}
}

func TestHavingOfALabelThatIsNowhere(t *testing.T) {
	count := func(s *Sets, passes bool) (n int) {
		s.Having(3, "nowhere", func(string) bool { return passes }, func(uint32) bool { n++; return n < 2 })
		return n
	}
	if count(sets(), false) != 0 || count(sets(), true) != 2 || count(&Sets{Strings: &Strings{}}, true) != 2 {
		t.Error("an absent label passes as the empty value, until the loop is left")
	}
}
