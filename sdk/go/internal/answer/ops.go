// Package answer builds what a plugin answers: rows ascend, a row is dropped once, the last change counts, and strings that
// the batch lacks are added once, whatever the order in which the plugin speaks.
package answer

import (
	"slices"
)

// Ops are operations of a fixed number of numbers each, the first of which is the row.
type Ops struct {
	// Numbers has them one after the other.
	Numbers []uint32
	// last is the row of the last one.
	last      uint32
	unordered bool
	// repeated is set when two operations in a row are on the same row.
	repeated bool
}

func (o *Ops) note(row uint32) {
	if len(o.Numbers) > 0 {
		o.unordered = o.unordered || row < o.last
		o.repeated = o.repeated || row == o.last
	}
	o.last = row
}

// Push1 adds an operation that is a row alone.
func (o *Ops) Push1(row uint32) {
	o.note(row)
	o.Numbers = append(o.Numbers, row)
}

// Push2 adds an operation of two numbers.
func (o *Ops) Push2(row, a uint32) {
	o.note(row)
	o.Numbers = append(o.Numbers, row, a)
}

// Push3 adds an operation of three numbers.
func (o *Ops) Push3(row, a, b uint32) {
	o.note(row)
	o.Numbers = append(o.Numbers, row, a, b)
}

// Reset forgets all operations and keeps the memory.
func (o *Ops) Reset() { *o = Ops{Numbers: o.Numbers[:0]} }

// reaches tells whether an operation on this row, or out of order, is there already.
func (o *Ops) reaches(row uint32) bool {
	return len(o.Numbers) > 0 && (o.unordered || o.last >= row)
}

// Ascend orders operations of n numbers by row; those on one row stay in the order in which they were made.
func (o *Ops) Ascend(n int) {
	if !o.unordered {
		return
	}
	order := slices.Collect(slices.Chunk(slices.Clone(o.Numbers), n))
	slices.SortStableFunc(order, func(a, b []uint32) int { return int(a[0]) - int(b[0]) })
	o.Numbers = slices.AppendSeq(o.Numbers[:0], func(yield func(uint32) bool) {
		for _, op := range order {
			for _, number := range op {
				if !yield(number) {
					return
				}
			}
		}
	})
	o.unordered = false
}

// Distinct orders rows and keeps each once.
func (o *Ops) Distinct() {
	once := !o.unordered && !o.repeated
	o.Ascend(1)
	if !once {
		o.Numbers = slices.Compact(o.Numbers)
	}
}

// LastOfEach is for each row, ascending, which of the operations was its last; nil where that is the order in which they
// were made.
func (o *Ops) LastOfEach() []int {
	if !o.unordered && !o.repeated {
		return nil
	}
	order := make([]int, len(o.Numbers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(o.Numbers[a]) - int(o.Numbers[b]) })
	out := order[:0]
	for i, at := range order {
		if i+1 == len(order) || o.Numbers[order[i+1]] != o.Numbers[at] {
			out = append(out, at)
		}
	}
	return out
}

// Pick is the items in an order that LastOfEach gave.
func Pick[T any](items []T, order []int) []T {
	if order == nil {
		return items
	}
	out := make([]T, len(order))
	for i, at := range order {
		out[i] = items[at]
	}
	return out
}
