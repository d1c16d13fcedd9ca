//go:build wasip1

package abi

import (
	"errors"
	"strings"
	"unsafe"
)

// Result is how a call ends: what it answers, or an error.
type Result[T any] struct {
	failed uint32
	ok     T
}

// failure is the other case of every result.
type failure struct {
	failed uint32
	text   List
}

// ErrNotConfigured is what every call ends with until `configure` went well.
var ErrNotConfigured = errors.New("not configured")

// message keeps the last error until the next: weir reads it when the call is over.
var message struct {
	text []byte
	failure
}

// Run makes a call: what act returns, or the panic that it ends in, goes into the result, whose place is returned. Arguments
// are let go of.
func Run[T any](result *Result[T], act func(*T) error) uint32 {
	*result = Result[T]{}
	err := guarded(func() error { return act(&result.ok) })
	done()
	if err == nil {
		return uint32(uintptr(unsafe.Pointer(result)))
	}
	message.text = []byte(strings.ToValidUTF8(err.Error(), "?"))
	message.failure = failure{1, list(message.text)}
	return uint32(uintptr(unsafe.Pointer(&message.failure)))
}

// Answer is Run for what cannot fail.
func Answer[T any](result *T, act func() T) uint32 {
	err := guarded(func() error { *result = act(); return nil })
	if err != nil {
		// the contract has no error here: this is in the log, and the call traps
		panic(err)
	}
	return uint32(uintptr(unsafe.Pointer(result)))
}
