// Package logs is the interface that decides by the text of lines.
package logs

import (
	"errors"
	"iter"

	"weir"
	"weir/internal/answer"
	"weir/internal/columns"
)

// Plugin looks at every batch of log lines.
type Plugin interface {
	// LogsWants says what Logs reads.
	LogsWants() Wanted
	// Logs looks at a batch, by way of its rows. What is not touched goes on as it is. An error is a failed call: weir's
	// failure policy for the plugin decides about all lines.
	//
	// State that is kept here is that of one instance; weir may run several of them side by side.
	Logs(batch *Batch) error
}

// Wanted is what a plugin reads of log lines.
type Wanted struct {
	// Labels of the streams.
	Labels weir.Labels
	// Metadata is labels of the structured metadata.
	Metadata weir.Labels
	// Timestamps says whether timestamps are read.
	Timestamps bool
	// Lines says whether the text of the lines is read.
	Lines bool
}

// Export gives the component the interface. Call it in an init function.
func Export[P Plugin](plugin *weir.Instance[P]) {
	export(func() (Plugin, bool) { return plugin.Get() })
}

// Batch is lines, one a row, and the answer in the making. It and its rows mean something during their call only; the
// strings that they give may be kept.
type Batch struct {
	rows           uint32
	strings, lines columns.Strings
	sets, metadata columns.Sets
	timestamps     []int64
	answer         *edits
}

type edits struct {
	strings          answer.Strings
	dropped          answer.Ops
	labels, metadata answer.Labels
	timed            answer.Ops
	times            []int64
	changed          answer.Ops
	lines            answer.Table
}

func newBatch(rows uint32, strings, lines columns.Strings, to *edits) *Batch {
	to.strings.Reset(strings.Len())
	to.dropped.Reset()
	to.labels.Reset()
	to.metadata.Reset()
	to.timed.Reset()
	to.times = to.times[:0]
	to.changed.Reset()
	to.lines.Reset()
	return &Batch{rows: rows, strings: strings, lines: lines, answer: to}
}

// finish orders the answer and tells whether there is any.
func (e *edits) finish() (bool, error) {
	if err := errors.Join(e.strings.Check(), e.lines.CheckLines(e.changed.Numbers)); err != nil {
		return false, err
	}
	e.times = answer.Pick(e.times, e.timed.LastOfEach())
	e.lines = e.lines.Pick(e.changed.LastOfEach())
	e.dropped.Distinct()
	e.timed.Distinct()
	e.changed.Distinct()
	numbers := len(e.dropped.Numbers) + len(e.timed.Numbers) + len(e.changed.Numbers)
	return numbers > 0 || !e.labels.Empty() || !e.metadata.Empty(), nil
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

// Having are the rows whose stream label has a value that passes; a row without the label passes as the empty value. Each
// distinct value is looked at once: this is the fast way to match a pattern.
func (b *Batch) Having(name string, passes func(value string) bool) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		b.sets.Having(b.rows, name, passes, func(row uint32) bool { return yield(Row{b, row}) })
	}
}

// Text is all lines end to end, with nothing between them: where few lines hold what is looked for, one search of it is
// faster than a search of every line. What is found may reach over the end of a line; Row.Range tells.
func (b *Batch) Text() string { return b.lines.Text }

// Row is one line. Reading shows it as it came, not what was changed since.
type Row struct {
	batch *Batch
	index uint32
}

// Index is the row's place in the batch.
func (r Row) Index() int { return int(r.index) }

// Line is the text, without its line end; empty unless the plugin wants lines.
func (r Row) Line() string {
	if len(r.batch.lines.Ends) == 0 {
		return ""
	}
	return r.batch.lines.At(r.index)
}

// Range is where the line stands in the batch's Text.
func (r Row) Range() (start, end int) {
	if len(r.batch.lines.Ends) == 0 {
		return 0, 0
	}
	if r.index > 0 {
		start = int(r.batch.lines.Ends[r.index-1])
	}
	return start, int(r.batch.lines.Ends[r.index])
}

// Label is the value of a stream label; empty where the stream has none of that name, or the plugin does not want it.
func (r Row) Label(name string) string { return r.batch.sets.Label(r.index, name) }

// Labels are the stream labels that the plugin wants, by ascending name.
func (r Row) Labels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { r.batch.sets.Labels(r.index, yield) }
}

// Metadata is the value of a label of the structured metadata; empty where the line has none of that name, or the plugin does
// not want it.
func (r Row) Metadata(name string) string { return r.batch.metadata.Label(r.index, name) }

// MetadataLabels are the labels of the structured metadata that the plugin wants, by ascending name.
func (r Row) MetadataLabels() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) { r.batch.metadata.Labels(r.index, yield) }
}

// Timestamp is the line's time, in nanoseconds since the epoch; 0 unless the plugin wants timestamps.
func (r Row) Timestamp() int64 {
	if len(r.batch.timestamps) == 0 {
		return 0
	}
	return r.batch.timestamps[r.index]
}

// Drop drops the line. Other changes to it then mean nothing.
func (r Row) Drop() { r.batch.answer.dropped.Push1(r.index) }

// SetLine gives the line another text: the parts, one after the other.
func (r Row) SetLine(parts ...string) {
	answer := r.batch.answer
	answer.changed.Push1(r.index)
	for _, part := range parts {
		answer.lines.Text = append(answer.lines.Text, part...)
	}
	answer.lines.Close()
}

// SetTimestamp gives the line another time, in nanoseconds since the epoch.
func (r Row) SetTimestamp(nanoseconds int64) {
	r.batch.answer.timed.Push1(r.index)
	r.batch.answer.times = append(r.batch.answer.times, nanoseconds)
}

// Set sets a label of this line's stream, in place of one of that name. An empty value removes it. Lines with different
// labels are different streams from there on.
func (r Row) Set(name, value string) {
	r.batch.answer.labels.Set(r.index, name, value, &r.batch.answer.strings)
}

// Remove removes a stream label, if the stream has it (wanted or not).
func (r Row) Remove(name string) {
	r.batch.answer.labels.Remove(r.index, name, &r.batch.answer.strings)
}

// SetMetadata sets a label of the line's structured metadata, in place of one of that name. An empty value removes it.
func (r Row) SetMetadata(name, value string) {
	r.batch.answer.metadata.Set(r.index, name, value, &r.batch.answer.strings)
}

// RemoveMetadata removes a label of the structured metadata, if the line has it (wanted or not).
func (r Row) RemoveMetadata(name string) {
	r.batch.answer.metadata.Remove(r.index, name, &r.batch.answer.strings)
}
