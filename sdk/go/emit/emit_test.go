package emit

import (
	"errors"
	"slices"
	"testing"

	"weir/internal/host"
)

func TestSamplesShareSetsAndStrings(t *testing.T) {
	host.EmittedSamples = nil
	err := Samples(
		Sample{Name: "up", Labels: []string{"job", "a", "env", ""}, Value: 1},
		Sample{Name: "up", Labels: []string{"job", "b", "job", "a"}, Value: 2, Start: 5},
		Sample{Name: "down", Value: 3},
	)
	if err != nil {
		t.Fatal(err)
	}
	c := host.EmittedSamples[0]
	if string(c.Strings.Text) != "__name__upjobadown" || !slices.Equal(c.Sets.Pairs, []uint32{0, 1, 2, 3, 0, 4}) {
		t.Error(string(c.Strings.Text), c.Sets.Pairs)
	}
	if !slices.Equal(c.Sets.Ends, []uint32{2, 3}) || !slices.Equal(c.Sets.OfRow, []uint32{0, 0, 1}) || c.Timestamps != nil || !slices.Equal(c.Starts, []int64{0, 5, 0}) {
		t.Error(c)
	}
}

func TestLines(t *testing.T) {
	host.EmittedLines = nil
	err := Lines(
		Line{Labels: []string{"job", "a"}, Text: "héllo", Timestamp: 1},
		Line{Labels: []string{"job", "a"}, Metadata: []string{"trace", "t"}, Timestamp: 2},
	)
	if err != nil {
		t.Fatal(err)
	}
	c := host.EmittedLines[0]
	if string(c.Lines.Text) != "héllo" || !slices.Equal(c.Sets.OfRow, []uint32{0, 0}) || !slices.Equal(c.Metadata.Ends, []uint32{0, 1}) || !slices.Equal(c.Timestamps, []int64{1, 2}) {
		t.Error(c)
	}
}

func TestWhatIsRefused(t *testing.T) {
	defer func() { host.Refuse, host.RefuseWhy = host.Emitted, "" }()
	var malformed *Malformed
	for _, err := range []error{
		Samples(Sample{Name: "a", Timestamp: 1}, Sample{Name: "b"}),
		Samples(Sample{Name: "a", Labels: []string{"job"}}),
		Samples(Sample{Name: "a", Labels: []string{"job", "\xff"}}),
		Lines(Line{Labels: []string{"job", "a"}, Text: "\xff"}),
	} {
		if !errors.As(err, &malformed) {
			t.Error(err)
		}
	}
	host.Refuse, host.RefuseWhy = host.Malformed, "no name"
	if err := Samples(Sample{}); !errors.As(err, &malformed) || malformed.What != "no name" {
		t.Error(err)
	}
	host.Refuse = host.OverBudget
	if err := Lines(); !errors.Is(err, ErrOverBudget) {
		t.Error(err)
	}
	host.Refuse = host.NotNow
	if err := Samples(); !errors.Is(err, ErrNotNow) {
		t.Error(err)
	}
}
