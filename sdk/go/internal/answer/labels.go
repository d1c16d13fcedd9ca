package answer

import (
	"fmt"
	"unicode/utf8"
)

// Table is strings that a plugin makes.
type Table struct {
	// Text has them end to end.
	Text []byte
	// Ends has for each where it ends.
	Ends []uint32
}

// Push adds a string.
func (t *Table) Push(text string) {
	t.Text = append(t.Text, text...)
	t.Close()
}

// Close ends a string that was appended to Text.
func (t *Table) Close() { t.Ends = append(t.Ends, uint32(len(t.Text))) }

// Reset forgets all strings and keeps the memory.
func (t *Table) Reset() { t.Text, t.Ends = t.Text[:0], t.Ends[:0] }

// at is string i.
func (t *Table) at(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = t.Ends[i-1]
	}
	return t.Text[start:t.Ends[i]]
}

// NotText is the first of the strings that is no UTF-8, or -1. As a whole they mostly are, and in ASCII.
func (t *Table) NotText() int {
	ascii := true
	for _, c := range t.Text {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	for i := 0; !ascii && i < len(t.Ends); i++ {
		if !utf8.Valid(t.at(i)) {
			return i
		}
	}
	return -1
}

// CheckLines makes an error of a line's new text that is no UTF-8: weir would refuse the answer without a word about where.
func (t *Table) CheckLines(rows []uint32) error {
	if i := t.NotText(); i >= 0 {
		return fmt.Errorf("the new text of row %d is no UTF-8: %q", rows[i], t.at(i))
	}
	return nil
}

// Check makes an error of a label that is no UTF-8.
func (s *Strings) Check() error {
	if i := s.Added.NotText(); i >= 0 {
		return fmt.Errorf("a label's name or value is no UTF-8: %q", s.Added.at(i))
	}
	return nil
}

// Pick is the strings in an order that LastOfEach gave.
func (t *Table) Pick(order []int) Table {
	if order == nil {
		return *t
	}
	var out Table
	for _, at := range order {
		out.Text = append(out.Text, t.at(at)...)
		out.Close()
	}
	return out
}

// Strings are those that a batch does not have, each once.
type Strings struct {
	// Added has them.
	Added Table
	// base is how many strings the batch has: where the indexes of the added ones start.
	base uint32
	// recent are the two strings asked for last: a plugin that sets one label on every row asks for the same pair again and
	// again.
	recent [2]entry
	known  map[string]uint32
}

type entry struct {
	text  string
	index uint32
	there bool
}

// Reset begins anew for a batch of so many strings.
func (s *Strings) Reset(base int) {
	s.Added.Reset()
	s.base, s.recent = uint32(base), [2]entry{}
	clear(s.known)
}

// Index is where a string stands among those of the batch and the added ones, after adding it if need be.
func (s *Strings) Index(text string) uint32 {
	older, newer := &s.recent[0], &s.recent[1]
	if older.there && older.text == text {
		*older, *newer = *newer, *older
		return newer.index
	}
	if newer.there && newer.text == text {
		return newer.index
	}
	index, there := s.known[text]
	if !there {
		if s.known == nil {
			s.known = map[string]uint32{}
		}
		index = s.base + uint32(len(s.Added.Ends))
		s.Added.Push(text)
		s.known[text] = index
	}
	*older, *newer = *newer, entry{text, index, true}
	return index
}

// Labels are changes to the label sets of rows.
type Labels struct {
	// Assigned has (row, name, value).
	Assigned Ops
	// Removed has (row, name).
	Removed Ops
}

// Reset forgets all changes and keeps the memory.
func (l *Labels) Reset() {
	l.Assigned.Reset()
	l.Removed.Reset()
}

// Set gives a row a label.
func (l *Labels) Set(row uint32, name, value string, strings *Strings) {
	n := strings.Index(name)
	l.Assigned.Push3(row, n, strings.Index(value))
}

// Remove takes a label from a row. Removals come before assignments in an answer; one that was made after an assignment
// becomes an assignment of nothing, which keeps the order in which the plugin spoke.
func (l *Labels) Remove(row uint32, name string, strings *Strings) {
	n := strings.Index(name)
	if l.Assigned.reaches(row) {
		l.Assigned.Push3(row, n, strings.Index(""))
	} else {
		l.Removed.Push2(row, n)
	}
}

// Empty tells whether there is no change.
func (l *Labels) Empty() bool { return len(l.Assigned.Numbers)+len(l.Removed.Numbers) == 0 }

// Finish orders the changes.
func (l *Labels) Finish() {
	l.Assigned.Ascend(3)
	l.Removed.Ascend(2)
}
