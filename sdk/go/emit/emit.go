// Package emit makes samples and lines that no source has: metrics from logs, sums, reports. They come from a source of their own,
// plugin.NAME, into the pipelines that take from it, and a plugin never sees its own.
//
// What a call has emitted counts only if the call succeeds. It can be used from Series, Samples, Logs and Tick. How much a plugin
// may emit in a call and over time is bounded.
package emit

import (
	"errors"
	"fmt"

	"weir/internal/answer"
	"weir/internal/host"
)

// Why nothing of an emission was taken. weir counts and logs it as well.
var (
	// ErrOverBudget: more than the plugin may emit now. Who counts up can go on: the next emission says the sum.
	ErrOverBudget = errors.New("more than the plugin may emit now")
	// ErrNotNow: there is no emitting from the function given to weir.Plugin, nor from the Wants methods.
	ErrNotNow = errors.New("there is no emitting from here")
)

// Malformed says what is wrong with an emission: a series without a legal name, a stream without labels, an illegal label name.
type Malformed struct{ What string }

func (m *Malformed) Error() string { return "malformed emission: " + m.What }

// Sample is a sample to emit.
type Sample struct {
	// Name of the metric.
	Name string
	// Labels of the series: names and values in turn.
	Labels []string
	// Value of the sample.
	Value float64
	// Timestamp is milliseconds since the epoch; 0: now. Either all samples of an emission have one or none has.
	Timestamp int64
	// Start is when the counter began, in milliseconds since the epoch; 0 where it is not known.
	Start int64
}

// Line is a log line to emit.
type Line struct {
	// Labels of the stream, at least one: names and values in turn.
	Labels []string
	// Metadata is the structured metadata: names and values in turn.
	Metadata []string
	// Text of the line, without its line end.
	Text string
	// Timestamp is nanoseconds since the epoch; 0: now. Either all lines of an emission have one or none has.
	Timestamp int64
}

// Samples emits samples: all of them or, with an error, none.
func Samples(samples ...Sample) error {
	var columns host.SampleColumns
	var strings answer.Strings
	var labels []string
	timed := 0
	for _, s := range samples {
		labels = append(append(labels[:0], s.Labels...), "__name__", s.Name)
		if err := columns.Sets.Add(labels, &strings); err != nil {
			return &Malformed{err.Error()}
		}
		columns.Values = append(columns.Values, s.Value)
		columns.Timestamps = append(columns.Timestamps, s.Timestamp)
		columns.Starts = append(columns.Starts, s.Start)
		if s.Timestamp != 0 {
			timed++
		}
	}
	if err := finish(&columns.Timestamps, timed, len(samples), &strings); err != nil {
		return err
	}
	columns.Strings = strings.Added
	return refused(host.EmitSamples(&columns))
}

// Lines emits lines: all of them or, with an error, none.
func Lines(lines ...Line) error {
	var columns host.LineColumns
	var strings answer.Strings
	timed := 0
	for _, l := range lines {
		if err := errors.Join(columns.Sets.Add(l.Labels, &strings), columns.Metadata.AddOwn(l.Metadata, &strings)); err != nil {
			return &Malformed{err.Error()}
		}
		columns.Lines.Push(l.Text)
		columns.Timestamps = append(columns.Timestamps, l.Timestamp)
		if l.Timestamp != 0 {
			timed++
		}
	}
	if i := columns.Lines.NotText(); i >= 0 {
		return &Malformed{fmt.Sprintf("line %d is no UTF-8: %q", i, lines[i].Text)}
	}
	if err := finish(&columns.Timestamps, timed, len(lines), &strings); err != nil {
		return err
	}
	columns.Strings = strings.Added
	return refused(host.EmitLines(&columns))
}

// finish leaves times out where there are none, and looks at the labels' text.
func finish(times *[]int64, timed, rows int, strings *answer.Strings) error {
	switch timed {
	case 0:
		*times = nil
	case rows:
	default:
		return &Malformed{fmt.Sprintf("%d of %d have a time; all must have one, or none", timed, rows)}
	}
	if err := strings.Check(); err != nil {
		return &Malformed{err.Error()}
	}
	return nil
}

func refused(how int, why string) error {
	switch how {
	case host.Emitted:
		return nil
	case host.Malformed:
		return &Malformed{why}
	case host.OverBudget:
		return ErrOverBudget
	}
	return ErrNotNow
}
