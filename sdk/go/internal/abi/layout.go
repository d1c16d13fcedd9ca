//go:build wasip1

package abi

import (
	"unsafe"

	"weir/internal/answer"
	"weir/internal/columns"
)

// List is a list or a string as it lies in memory.
type List struct{ At, Len uint32 }

// Text is the string.
func (l List) Text() string { return String(l.At, l.Len) }

// Numbers is the byte column, as the numbers it holds.
func Numbers[T uint32 | int64 | float64](l List) []T { return columns.Of[T](Bytes(l.At, l.Len)) }

// Symbols is the contract's `symbols`.
type Symbols struct{ Text, Ends List }

// Strings are those of the table.
func (s Symbols) Strings() columns.Strings {
	return columns.Strings{Text: s.Text.Text(), Ends: Numbers[uint32](s.Ends)}
}

// LabelSets is the contract's `label-sets`.
type LabelSets struct{ Pairs, Ends List }

// Sets are label sets over strings.
func (s LabelSets) Sets(strings *columns.Strings, ofRow List) columns.Sets {
	return columns.Sets{Strings: strings, Pairs: Numbers[uint32](s.Pairs), Ends: Numbers[uint32](s.Ends), OfRow: Numbers[uint32](ofRow)}
}

// LabelEdit is the contract's `option<label-edit>`.
type LabelEdit struct {
	some              uint32
	added             Symbols
	assigned, removed List
}

// Edit is the changes over the strings that they use; none where there is none.
func Edit(labels *answer.Labels, strings *answer.Strings) LabelEdit {
	if labels.Empty() {
		return LabelEdit{}
	}
	labels.Finish()
	return LabelEdit{1, Table(&strings.Added), Column(labels.Assigned.Numbers), Column(labels.Removed.Numbers)}
}

// Table is strings on their way out.
func Table(t *answer.Table) Symbols { return Symbols{list(t.Text), Column(t.Ends)} }

// Column is numbers on their way out.
func Column[T uint32 | int64 | float64](numbers []T) List { return list(columns.Bytes(numbers)) }

func list(bytes []byte) List {
	if len(bytes) == 0 {
		return List{}
	}
	return List{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))), uint32(len(bytes))}
}

// Wanted is the contract's `labels-wanted`.
type Wanted struct {
	tag   uint32
	names List
}

// Wants says which labels are wanted: all, or those of some names.
func Wants(everything bool, names []string) Wanted {
	switch {
	case everything:
		return Wanted{tag: 1}
	case names == nil:
		return Wanted{}
	}
	lists := make([]List, len(names))
	for i, name := range names {
		bytes := []byte(name)
		lists[i] = list(bytes)
		asked = append(asked, bytes)
	}
	asked = append(asked, lists)
	return Wanted{2, List{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(lists)))), uint32(len(lists))}}
}

// asked keeps the answers of `wants`, of which the garbage collector sees addresses only as numbers. There is one for each
// interface, once an instance.
var asked []any
