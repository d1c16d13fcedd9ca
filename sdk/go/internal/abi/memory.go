//go:build wasip1

// Package abi is the canonical ABI of the component model, as far as weir's contract needs it: where arguments lie, how
// results are laid out, and how a panic becomes the call's error.
package abi

import (
	"strings"
	"unsafe"
)

// What weir passes lies in memory that it asks for by cabi_realloc, a few pieces a call. They are cut from one block a call,
// about as large as the last call needed. A block is left to the garbage collector when its call is over: a plugin may
// keep the strings it was given, and then keeps the block.
var (
	// block is cut from its front; used bytes are taken.
	block []byte
	used  int
	// earlier are the blocks of this call that were too small.
	earlier [][]byte
	// needed is what this call took so far, usual what calls take of late.
	needed, usual int
)

// fresh memory is not cleared: weir fills it.
func fresh(size int) []byte {
	var b strings.Builder
	b.Grow(size + 1)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), size)
}

//go:wasmexport cabi_realloc
func realloc(old, oldSize, align, size uint32) uint32 {
	const each = 8
	at := (used + each - 1) &^ (each - 1)
	needed += int(size) + each
	if at+int(size) > len(block) {
		if block != nil {
			earlier = append(earlier, block)
		}
		block, at = fresh(max(int(size), usual, 4096)+each), 0
	}
	used = at + int(size)
	to := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(block)))) + uint32(at)
	if oldSize > 0 {
		copy(Bytes(to, size), Bytes(old, min(oldSize, size)))
	}
	return to
}

// done lets go of the arguments of a call.
func done() {
	block, used = nil, 0
	clear(earlier)
	earlier = earlier[:0]
	usual, needed = max(needed, usual-usual/8), 0
}

// Pointer is a place in memory: 32 bits to weir, 64 to Go.
func Pointer[T any](at uint32) *T { return (*T)(unsafe.Add(nil, at)) }

// Bytes is what lies at a place.
func Bytes(at, size uint32) []byte {
	if size == 0 {
		return nil
	}
	return unsafe.Slice(Pointer[byte](at), size)
}

// String is the text at a place.
func String(at, size uint32) string {
	if size == 0 {
		return ""
	}
	return unsafe.String(Pointer[byte](at), size)
}
