package abi

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// guarded calls act and makes an error of a panic: its message and where it came from.
func guarded(act func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = errors.New(describe(what))
		}
	}()
	return act()
}

// describe is for the operator and the author: `panic at rules.go:12 (main.parse, called from plugin.go:40): index out of
// range [3] with length 3`.
func describe(what any) string {
	var places []runtime.Frame
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		// the plugin's own frames lie between those of the runtime that raise the panic and those of this module
		inlined := strings.HasPrefix(frame.File, "weir@") // an iterator of this module within the plugin's function
		switch own := strings.HasPrefix(frame.Function, "weir/"); {
		case own && len(places) > 0:
			more = false
		case own || inlined || strings.HasPrefix(frame.Function, "runtime.") || frame.File == "":
		default:
			frame.Function, _, _ = strings.Cut(frame.Function, "-range") // the body of a loop over an iterator
			places = append(places, frame)
		}
	}
	at := ""
	if len(places) > 0 {
		at = fmt.Sprintf(" at %s:%d (%s", base(places[0].File), places[0].Line, places[0].Function)
		for _, p := range places[1:min(len(places), 4)] {
			at += fmt.Sprintf(", called from %s:%d", base(p.File), p.Line)
		}
		at += ")"
	}
	text := fmt.Sprint(what)
	if e, ok := what.(runtime.Error); ok {
		text = strings.TrimPrefix(e.Error(), "runtime error: ")
	}
	return "panic" + at + ": " + text
}

// base is a file's name without its folders.
func base(file string) string {
	return file[strings.LastIndexByte(file, '/')+1:]
}
