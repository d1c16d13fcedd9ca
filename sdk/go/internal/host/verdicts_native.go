//go:build !wasip1

package host

// Forgotten is how often since a test last looked.
var Forgotten int

// Forget counts.
func Forget() { Forgotten++ }
