//go:build wasip1

// Package host has the functions that weir offers a plugin, and stand-ins for tests on other targets.
package host

import "unsafe"

//go:wasmimport weir:plugin/host@0.1.0 log
//go:noescape
func log(level uint32, message string)

//go:wasmimport weir:plugin/host@0.1.0 counter-add
//go:noescape
func counterAdd(name string, labels unsafe.Pointer, count uint32, value float64)

//go:wasmimport weir:plugin/host@0.1.0 gauge-set
//go:noescape
func gaugeSet(name string, labels unsafe.Pointer, count uint32, value float64)

// text is a string as weir reads it.
type text struct{ at, len uint32 }

func textOf(s string) text {
	return text{uint32(uintptr(unsafe.Pointer(unsafe.StringData(s)))), uint32(len(s))}
}

// Log writes a line to weir's log.
func Log(level uint32, message string) { log(level, message) }

// Counter adds to a counter.
func Counter(name string, labels []string, value float64) {
	flat := texts(labels)
	counterAdd(name, unsafe.Pointer(unsafe.SliceData(flat)), uint32(len(flat)/2), value)
}

// Gauge sets a gauge.
func Gauge(name string, labels []string, value float64) {
	flat := texts(labels)
	gaugeSet(name, unsafe.Pointer(unsafe.SliceData(flat)), uint32(len(flat)/2), value)
}

func texts(labels []string) []text {
	flat := make([]text, len(labels))
	for i, label := range labels {
		flat[i] = textOf(label)
	}
	return flat
}
