// Package samples is the interface that decides by values.
package samples

import (
	"iter"

	"weir"
	"weir/internal/answer"
	"weir/internal/columns"
)

// Plugin looks at every batch of samples.
type Plugin interface {
	// SamplesWants says what Samples reads besides kinds and values.
	SamplesWants() Wanted
	// Samples looks at a batch, by way of its rows. What is not touched goes on as it is. An error is a failed call: weir's
	// failure policy for the plugin decides about all rows.
	//
	// State that is kept here is that of one instance; weir may run several of them side by side.
	Samples(batch *Batch) error
}

// Wanted is what a plugin reads of samples. Values and kinds are always there.
type Wanted struct {
	// Labels of the series.
	Labels weir.Labels
	// Timestamps says whether timestamps are read.
	Timestamps bool
	// StartTimestamps says whether start timestamps are read.
	StartTimestamps bool
}

// Export gives the component the interface. Call it in an init function.
func Export[P Plugin](plugin *weir.Instance[P]) {
	export(func() (Plugin, bool) { return plugin.Get() })
}

// Kind is what a sample is.
type Kind uint8

const (
	// Float is a number.
	Float Kind = iota
	// Histogram is a native histogram: it can be dropped or relabelled, but has no single value.
	Histogram
	// Stale is a mark by a pusher that the series has ended.
	Stale
)

// Batch is samples, one a row, and the answer in the making. It and its rows mean something during their call only; the
// strings that they give may be kept.
type Batch struct {
	rows                   uint32
	strings                columns.Strings
	sets                   columns.Sets
	kinds                  []byte
	timestamps, startTimes []int64
	values                 []float64
	answer                 *edits
}

type edits struct {
	strings answer.Strings
	dropped answer.Ops
	labels  answer.Labels
	changed answer.Ops
	values  []float64
}

func newBatch(rows uint32, strings columns.Strings, to *edits) *Batch {
	to.strings.Reset(strings.Len())
	to.dropped.Reset()
	to.labels.Reset()
	to.changed.Reset()
	to.values = to.values[:0]
	return &Batch{rows: rows, strings: strings, answer: to}
}

// finish orders the answer and tells whether there is any.
func (e *edits) finish() (bool, error) {
	if err := e.strings.Check(); err != nil {
		return false, err
	}
	e.values = answer.Pick(e.values, e.changed.LastOfEach())
	e.dropped.Distinct()
	e.changed.Distinct()
	return len(e.dropped.Numbers) > 0 || len(e.changed.Numbers) > 0 || !e.labels.Empty(), nil
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

// Values are those of all rows, for a loop over numbers alone; that of a row that is no Float says nothing. They mean
// something during the call only.
func (b *Batch) Values() []float64 { return b.values }

// Row is row i of Rows.
func (b *Batch) Row(i int) Row {
	_ = b.kinds[i]
	return Row{b, uint32(i)}
}

// Row is one sample. Reading shows it as it came, not what was changed since.
type Row struct {
	batch *Batch
	index uint32
}

// Index is the row's place in the batch.
func (r Row) Index() int { return int(r.index) }

// Label is the value of a label of the series; empty where it has none of that name, or the plugin does not want it.
func (r Row) Label(name string) string { return r.batch.sets.Label(r.index, name) }

// Labels are the labels that the plugin wants, by ascending name.
func (r Row) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { r.batch.sets.Labels(r.index, yield) }
}

// Kind is what the sample is.
func (r Row) Kind() Kind { return min(Kind(r.batch.kinds[r.index]), Stale) }

// Value is that of a Float; false for any other kind, which has none.
func (r Row) Value() (value float64, ok bool) {
	if r.batch.kinds[r.index] != 0 {
		return 0, false
	}
	return r.batch.values[r.index], true
}

// Timestamp is when it was taken, in milliseconds since the epoch; 0 unless the plugin wants timestamps.
func (r Row) Timestamp() int64 { return at(r.batch.timestamps, r.index) }

// StartTimestamp is when its counter began, in milliseconds since the epoch; 0 where it is not known or not wanted.
func (r Row) StartTimestamp() int64 { return at(r.batch.startTimes, r.index) }

func at(times []int64, row uint32) int64 {
	if len(times) == 0 {
		return 0
	}
	return times[row]
}

// Drop drops the sample. Other changes to it then mean nothing.
func (r Row) Drop() { r.batch.answer.dropped.Push1(r.index) }

// SetValue gives a Float another value; it does nothing to other kinds, which have none.
func (r Row) SetValue(value float64) {
	if r.batch.kinds[r.index] == 0 {
		r.batch.answer.changed.Push1(r.index)
		r.batch.answer.values = append(r.batch.answer.values, value)
	}
}

// Set sets a label of this sample's series, in place of one of that name. An empty value removes it.
func (r Row) Set(name, value string) {
	r.batch.answer.labels.Set(r.index, name, value, &r.batch.answer.strings)
}

// Remove removes a label, if the series has it (wanted or not).
func (r Row) Remove(name string) {
	r.batch.answer.labels.Remove(r.index, name, &r.batch.answer.strings)
}
