//go:build wasip1

package host

import "unsafe"

// What Go's runtime says before it gives up (a stack that overflows, no memory, a map written from two sides, a panic that
// nobody recovers) it writes in small pieces. They are put together into lines of weir's log, since the trap that follows
// says nothing.
//
//go:linkname overrideWrite runtime.overrideWrite
var overrideWrite func(fd uintptr, p unsafe.Pointer, n int32) int32

var line struct {
	bytes [1024]byte
	used  int
	lines int
}

// A goroutine's whole trace would drown the first lines of it, which say what happened and where.
const linesOfTrace = 24

func init() { overrideWrite = fromRuntime }

// fromRuntime runs where nothing may be allocated and the stack may not grow.
//
//go:nosplit
func fromRuntime(_ uintptr, p unsafe.Pointer, n int32) int32 {
	for i := int32(0); i < n; i++ {
		c := *(*byte)(unsafe.Add(p, i))
		if c == '\n' || line.used == len(line.bytes) {
			flush()
		}
		if c != '\n' {
			line.bytes[line.used] = c
			line.used++
		}
	}
	return n
}

//go:nosplit
func flush() {
	// the trace's rest is how weir came to the plugin
	if line.used > 5 && string(line.bytes[:5]) == "weir/" {
		line.lines = linesOfTrace
	}
	if line.used > 0 && line.lines < linesOfTrace {
		rawLog(0, unsafe.Pointer(&line.bytes), int32(line.used))
		line.lines++
	}
	line.used = 0
}

//go:wasmimport weir:plugin/host@0.1.0 log
//go:noescape
func rawLog(level uint32, at unsafe.Pointer, len int32)
