//go:build wasip1

package host

//go:wasmimport weir:plugin/verdicts@0.1.2 forget
func verdictsForget()

// Forget has weir ask again.
func Forget() { verdictsForget() }
