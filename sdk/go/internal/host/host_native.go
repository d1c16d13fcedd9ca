//go:build !wasip1

// Package host has the functions that weir offers a plugin, and stand-ins for tests on other targets.
package host

// Message is a line of the log.
type Message struct {
	Level uint32
	Text  string
}

// Measured is a call of a counter or gauge.
type Measured struct {
	Name   string
	Labels []string
	Value  float64
}

// What was heard since a test last looked.
var (
	Messages []Message
	Counters []Measured
	Gauges   []Measured
)

// Log keeps a line of the log.
func Log(level uint32, message string) { Messages = append(Messages, Message{level, message}) }

// Counter keeps what was added.
func Counter(name string, labels []string, value float64) {
	Counters = append(Counters, Measured{name, labels, value})
}

// Gauge keeps what was set.
func Gauge(name string, labels []string, value float64) {
	Gauges = append(Gauges, Measured{name, labels, value})
}
