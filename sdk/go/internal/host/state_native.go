//go:build !wasip1

package host

import (
	"maps"
	"slices"
	"strings"
)

// Store is what tests keep.
var Store = map[string][]byte{}

// Get is the value of a key.
func Get(key string) ([]byte, bool) {
	value, found := Store[key]
	return slices.Clone(value), found
}

// Set sets it, within the limits of the contract.
func Set(key string, value []byte) int {
	if len(key) > 1<<10 || len(value) > 256<<10 {
		return TooLarge
	}
	Store[key] = slices.Clone(value)
	return Kept
}

// Remove takes it out.
func Remove(key string) { delete(Store, key) }

// Keys are those that begin so.
func Keys(prefix string) []string {
	keys := slices.Sorted(maps.Keys(Store))
	return slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) })
}
