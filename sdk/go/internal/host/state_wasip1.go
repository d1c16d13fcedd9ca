//go:build wasip1

package host

import "unsafe"

// These come back into the plugin for memory while they run, so nothing that they are given may lie on a stack, which may be
// moved then: no go:noescape, and answers are put into variables of the package.

//go:wasmimport weir:plugin/state@0.1.1 get
func stateGet(key string, answer unsafe.Pointer)

//go:wasmimport weir:plugin/state@0.1.1 set
func stateSet(key string, value unsafe.Pointer, size uint32, answer unsafe.Pointer)

//go:wasmimport weir:plugin/state@0.1.1 remove
func stateRemove(key string)

//go:wasmimport weir:plugin/state@0.1.1 keys
func stateKeys(prefix string, answer unsafe.Pointer)

var (
	got    struct{ some, at, size uint32 }
	kept   struct{ refused, why uint8 }
	listed struct{ at, count uint32 }
)

// Get is the value of a key.
func Get(key string) ([]byte, bool) {
	stateGet(key, unsafe.Pointer(&got))
	if got.some&1 == 0 {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Add(nil, got.at)), got.size), true
}

// Set sets it.
func Set(key string, value []byte) int {
	stateSet(key, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), unsafe.Pointer(&kept))
	if kept.refused == 0 {
		return Kept
	}
	return TooLarge + int(kept.why)
}

// Remove takes it out.
func Remove(key string) { stateRemove(key) }

// Keys are those that begin so.
func Keys(prefix string) []string {
	stateKeys(prefix, unsafe.Pointer(&listed))
	keys := make([]string, listed.count)
	for i, t := range unsafe.Slice((*text)(unsafe.Add(nil, listed.at)), listed.count) {
		keys[i] = unsafe.String((*byte)(unsafe.Add(nil, t.at)), t.len)
	}
	return keys
}
