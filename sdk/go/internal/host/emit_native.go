//go:build !wasip1

package host

// What was emitted since a test last looked, and how the next emission ends.
var (
	EmittedSamples []SampleColumns
	EmittedLines   []LineColumns
	Refuse         int
	RefuseWhy      string
)

// EmitSamples keeps samples.
func EmitSamples(c *SampleColumns) (how int, why string) {
	if Refuse == Emitted {
		EmittedSamples = append(EmittedSamples, *c)
	}
	return Refuse, RefuseWhy
}

// EmitLines keeps lines.
func EmitLines(c *LineColumns) (how int, why string) {
	if Refuse == Emitted {
		EmittedLines = append(EmittedLines, *c)
	}
	return Refuse, RefuseWhy
}
