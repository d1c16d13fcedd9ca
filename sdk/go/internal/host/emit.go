package host

import "weir/internal/answer"

// SampleColumns are samples to emit.
type SampleColumns struct {
	Strings    answer.Table
	Sets       answer.Sets
	Timestamps []int64
	Starts     []int64
	Values     []float64
}

// LineColumns are lines to emit.
type LineColumns struct {
	Strings        answer.Table
	Sets, Metadata answer.Sets
	Timestamps     []int64
	Lines          answer.Table
}
