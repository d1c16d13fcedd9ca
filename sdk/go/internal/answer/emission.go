package answer

import (
	"cmp"
	"fmt"
	"slices"
)

// Sets are label sets that a plugin makes, equal ones once.
type Sets struct {
	Pairs, Ends, OfRow []uint32
	known              map[string]uint32
	names              []label
	key                []byte
}

type label struct{ name, value string }

// Add gives the next row the set of labels: names and values in turn. Of a name that comes twice the last value counts; an
// empty value is no label.
func (s *Sets) Add(labels []string, strings *Strings) error {
	if err := s.sort(labels); err != nil {
		return err
	}
	s.key = s.key[:0]
	for _, l := range s.names {
		s.key = append(append(append(append(s.key, l.name...), 0xff), l.value...), 0xff)
	}
	set, found := s.known[string(s.key)]
	if !found {
		if s.known == nil {
			s.known = map[string]uint32{}
		}
		set = uint32(len(s.Ends))
		s.known[string(s.key)] = set
		s.write(strings)
	}
	s.OfRow = append(s.OfRow, set)
	return nil
}

// AddOwn is Add for sets of which each row has its own.
func (s *Sets) AddOwn(labels []string, strings *Strings) error {
	if err := s.sort(labels); err != nil {
		return err
	}
	s.write(strings)
	return nil
}

// write adds the sorted labels.
func (s *Sets) write(strings *Strings) {
	for _, l := range s.names {
		s.Pairs = append(s.Pairs, strings.Index(l.name), strings.Index(l.value))
	}
	s.Ends = append(s.Ends, uint32(len(s.Pairs)/2))
}

func (s *Sets) sort(labels []string) error {
	if len(labels)%2 != 0 {
		return fmt.Errorf("labels are names and values in turn, but there are %d strings: %q", len(labels), labels)
	}
	s.names = s.names[:0]
	for i := 0; i < len(labels); i += 2 {
		s.names = append(s.names, label{labels[i], labels[i+1]})
	}
	slices.SortStableFunc(s.names, func(a, b label) int { return cmp.Compare(a.name, b.name) })
	last := s.names[:0]
	for i, l := range s.names {
		if (i+1 == len(s.names) || s.names[i+1].name != l.name) && l.value != "" {
			last = append(last, l)
		}
	}
	s.names = last
	return nil
}
