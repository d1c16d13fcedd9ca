// Package columns reads what crosses from weir: strings end to end, numbers as little-endian bytes, label sets as pairs of
// indexes. Everything is read in place.
package columns

import "unsafe"

// None is no index.
const None = ^uint32(0)

// Of shows a byte column as the numbers it holds, without a copy. A rest that is no whole number is left out; weir sends
// none. WebAssembly and the machines that tests run on are little-endian and load from any address.
func Of[T uint32 | int64 | float64](bytes []byte) []T {
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(bytes))), len(bytes)/int(unsafe.Sizeof(one)))
}

// Bytes is the way back.
func Bytes[T uint32 | int64 | float64](numbers []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(numbers))), len(numbers)*int(unsafe.Sizeof(one)))
}

// Strings are strings end to end.
type Strings struct {
	Text string
	// Ends has for each string where it ends, in bytes.
	Ends []uint32
}

// Len is how many strings there are.
func (s *Strings) Len() int { return len(s.Ends) }

// At is string i.
func (s *Strings) At(i uint32) string {
	start := uint32(0)
	if i > 0 {
		start = s.Ends[i-1]
	}
	return s.Text[start:s.Ends[i]]
}

// Find is the index of a string, or None.
func (s *Strings) Find(wanted string) uint32 {
	start := uint32(0)
	for i, end := range s.Ends {
		if int(end-start) == len(wanted) && s.Text[start:end] == wanted {
			return uint32(i)
		}
		start = end
	}
	return None
}

// Sets are label sets over strings.
type Sets struct {
	Strings *Strings
	// Pairs has (name, value) after (name, value), as indexes of Strings.
	Pairs []uint32
	// Ends has for each set where it ends, counted in pairs.
	Ends []uint32
	// OfRow has the set of each row; empty where row i has set i.
	OfRow []uint32

	// Names that were asked for of late: a plugin asks for the same few on every row.
	names [4]name
	next  uint8
}

type name struct {
	text  string
	index uint32
	known bool
}

// index is where a label name stands among the strings, or None.
func (s *Sets) index(wanted string) uint32 {
	for i := range s.names {
		if n := &s.names[i]; n.known && n.text == wanted {
			return n.index
		}
	}
	found := s.Strings.Find(wanted)
	s.names[s.next%4] = name{wanted, found, true}
	s.next++
	return found
}

// set is where the pairs of set i begin and end.
func (s *Sets) set(i uint32) []uint32 {
	start := uint32(0)
	if i > 0 {
		start = s.Ends[i-1]
	}
	return s.Pairs[2*start : 2*s.Ends[i]]
}

// pairs are those of a row; none where no labels are wanted.
func (s *Sets) pairs(row uint32) []uint32 {
	switch {
	case len(s.OfRow) > 0:
		return s.set(s.OfRow[row])
	case len(s.Ends) > 0:
		return s.set(row)
	}
	return nil
}

// Label is the value of a row's label; empty where the row has none of that name.
func (s *Sets) Label(row uint32, wanted string) string {
	index := s.index(wanted)
	if index == None {
		return ""
	}
	for set := s.pairs(row); len(set) > 1; set = set[2:] {
		if set[0] == index {
			return s.Strings.At(set[1])
		}
	}
	return ""
}

// Labels are a row's labels, by ascending name, until yield has enough.
func (s *Sets) Labels(row uint32, yield func(name, value string) bool) {
	for set := s.pairs(row); len(set) > 1; set = set[2:] {
		if !yield(s.Strings.At(set[0]), s.Strings.At(set[1])) {
			return
		}
	}
}

// Having calls yield with those of the first `rows` rows whose label has a value that passes, until it has enough. A row
// without the label passes as the empty value. Each distinct value is looked at once.
func (s *Sets) Having(rows uint32, wanted string, passes func(value string) bool, yield func(row uint32) bool) {
	const unknown, no, yes = 0, 1, 2
	ask := func(value string) uint8 {
		if passes(value) {
			return yes
		}
		return no
	}
	absent := ask("")
	index := s.index(wanted)
	if index == None || len(s.Ends) == 0 {
		for row := uint32(0); absent == yes && row < rows; row++ {
			if !yield(row) {
				return
			}
		}
		return
	}
	values := make([]uint8, s.Strings.Len())
	judge := func(set []uint32) uint8 {
		for ; len(set) > 1; set = set[2:] {
			if set[0] == index {
				known := &values[set[1]]
				if *known == unknown {
					*known = ask(s.Strings.At(set[1]))
				}
				return *known
			}
		}
		return absent
	}
	if len(s.OfRow) == 0 {
		start := uint32(0)
		for row, end := range s.Ends {
			if judge(s.Pairs[2*start:2*end]) == yes && !yield(uint32(row)) {
				return
			}
			start = end
		}
		return
	}
	sets := make([]uint8, len(s.Ends))
	for i := range sets {
		sets[i] = judge(s.set(uint32(i)))
	}
	for row, set := range s.OfRow {
		if sets[set] == yes && !yield(uint32(row)) {
			return
		}
	}
}
