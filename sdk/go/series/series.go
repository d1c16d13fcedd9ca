// Package series is the interface that decides by labels alone.
//
// weir asks once for every new label set and keeps the answer for as long as the series or the log stream lives, so such a
// plugin costs nothing in steady state. The answer must depend on the labels and the configuration alone.
package series

import (
	"iter"

	"weir"
	"weir/internal/answer"
	"weir/internal/columns"
)

// Plugin decides which series (or log streams) go on, and with which labels.
type Plugin interface {
	// SeriesWants says which labels Series reads.
	SeriesWants() weir.Labels
	// Series decides on the label sets of a batch, by way of their rows. What is not touched goes on as it is. An error is a
	// failed call: weir's failure policy for the plugin decides about all rows, and asks again later.
	Series(batch *Batch) error
}

// Export gives the component the interface. Call it in an init function.
func Export[P Plugin](plugin *weir.Instance[P]) {
	export(func() (Plugin, bool) { return plugin.Get() })
}

// Batch is label sets, one a row, and the answer in the making. It and its rows mean something during their call only; the
// strings that they give may be kept.
type Batch struct {
	rows    uint32
	strings columns.Strings
	sets    columns.Sets
	answer  *edits
}

type edits struct {
	strings answer.Strings
	dropped answer.Ops
	labels  answer.Labels
}

func newBatch(rows uint32, strings columns.Strings, to *edits) *Batch {
	to.strings.Reset(strings.Len())
	to.dropped.Reset()
	to.labels.Reset()
	return &Batch{rows: rows, strings: strings, answer: to}
}

// Len is how many rows there are.
func (b *Batch) Len() int { return int(b.rows) }

// Rows are all rows.
func (b *Batch) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for row := uint32(0); row < b.rows; row++ {
			if !yield(Row{b, row}) {
				return
			}
		}
	}
}

// Having are the rows whose label has a value that passes; a row without the label passes as the empty value. Each distinct
// value is looked at once: this is the fast way to match a pattern.
func (b *Batch) Having(name string, passes func(value string) bool) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		b.sets.Having(b.rows, name, passes, func(row uint32) bool { return yield(Row{b, row}) })
	}
}

// Row is one label set. Reading shows the labels as they came, not what was changed since.
type Row struct {
	batch *Batch
	index uint32
}

// Index is the row's place in the batch.
func (r Row) Index() int { return int(r.index) }

// Label is the value of a label; empty where the set has none of that name, or the plugin does not want it.
func (r Row) Label(name string) string { return r.batch.sets.Label(r.index, name) }

// Labels are the labels that the plugin wants, by ascending name.
func (r Row) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { r.batch.sets.Labels(r.index, yield) }
}

// Drop drops the series or stream. Other changes to it then mean nothing.
func (r Row) Drop() { r.batch.answer.dropped.Push1(r.index) }

// Set sets a label, in place of one of that name. An empty value removes it.
func (r Row) Set(name, value string) {
	r.batch.answer.labels.Set(r.index, name, value, &r.batch.answer.strings)
}

// Remove removes a label, if the set has it (wanted or not).
func (r Row) Remove(name string) {
	r.batch.answer.labels.Remove(r.index, name, &r.batch.answer.strings)
}
