//go:build wasip1

package host

import (
	"unsafe"

	"weir/internal/answer"
	"weir/internal/columns"
)

//go:wasmimport weir:plugin/emit@0.1.1 samples
func emitSamples(batch, answer unsafe.Pointer)

//go:wasmimport weir:plugin/emit@0.1.1 lines
func emitLines(batch, answer unsafe.Pointer)

// The contract's records of that kind. They and what they point to are in variables of the package: see state_wasip1.go.
type (
	table   struct{ text, ends text }
	sets    struct{ pairs, ends text }
	samples struct {
		rows                                 uint32
		symbols                              table
		sets                                 sets
		setOfRow, timestamps, starts, values text
	}
	lines struct {
		rows       uint32
		symbols    table
		sets       sets
		setOfRow   text
		metadata   sets
		timestamps text
		lines      table
	}
)

// As the canonical ABI lays them out: weir's own tests hold these sizes against the contract.
var (
	_ [68]byte = [unsafe.Sizeof(samples{})]byte{}
	_ [84]byte = [unsafe.Sizeof(lines{})]byte{}
)

var (
	sending struct {
		samples samples
		lines   lines
		// what they point to
		sampleColumns *SampleColumns
		lineColumns   *LineColumns
	}
	sent struct {
		refused, why uint32
		what         text
	}
)

func column[T uint32 | int64 | float64](numbers []T) text { return bytes(columns.Bytes(numbers)) }
func bytes(b []byte) text {
	return text{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))), uint32(len(b))}
}
func tableOf(t *answer.Table) table { return table{bytes(t.Text), column(t.Ends)} }

// EmitSamples hands samples to weir.
func EmitSamples(c *SampleColumns) (how int, why string) {
	sending.sampleColumns = c
	sending.samples = samples{
		uint32(len(c.Values)), tableOf(&c.Strings), sets{column(c.Sets.Pairs), column(c.Sets.Ends)},
		column(c.Sets.OfRow), column(c.Timestamps), column(c.Starts), column(c.Values),
	}
	emitSamples(unsafe.Pointer(&sending.samples), unsafe.Pointer(&sent))
	sending.sampleColumns = nil
	return ended()
}

// EmitLines hands lines to weir.
func EmitLines(c *LineColumns) (how int, why string) {
	sending.lineColumns = c
	sending.lines = lines{
		uint32(len(c.Lines.Ends)), tableOf(&c.Strings), sets{column(c.Sets.Pairs), column(c.Sets.Ends)}, column(c.Sets.OfRow),
		sets{column(c.Metadata.Pairs), column(c.Metadata.Ends)}, column(c.Timestamps), tableOf(&c.Lines),
	}
	emitLines(unsafe.Pointer(&sending.lines), unsafe.Pointer(&sent))
	sending.lineColumns = nil
	return ended()
}

func ended() (how int, why string) {
	if sent.refused&0xff == 0 {
		return Emitted, ""
	}
	how = Malformed + int(sent.why&0xff)
	if how == Malformed && sent.what.len > 0 {
		why = unsafe.String((*byte)(unsafe.Add(nil, sent.what.at)), sent.what.len)
	}
	return how, why
}
