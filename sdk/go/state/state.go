// Package state is a small keyed store in weir. What is in it outlives an instance and a reload of the plugin, not a restart of
// weir. A plugin with one instance a pipeline (see [weir/tick]) has a store a pipeline, any other one for all its instances.
//
// What a call has changed counts only if the call succeeds. It can be used from every call, and from the function given to
// weir.Plugin: that is where a plugin takes up what it left.
package state

import (
	"errors"

	"weir/internal/host"
)

// Why a value was not kept; the old one then stays. weir counts and logs it as well.
var (
	// ErrTooLarge: the key is longer than 1 KiB, or the value than 256 KiB.
	ErrTooLarge = errors.New("the key or the value is too large for the plugin's store")
	// ErrFull: the store has as many keys or bytes as it may have.
	ErrFull = errors.New("the plugin's store is full")
)

// Get is the value of a key, if there is one. It may be kept and changed.
func Get(key string) (value []byte, found bool) { return host.Get(key) }

// Set sets the value of a key.
func Set(key string, value []byte) error {
	switch host.Set(key, value) {
	case host.Kept:
		return nil
	case host.TooLarge:
		return ErrTooLarge
	}
	return ErrFull
}

// Remove takes a key out. Nothing happens where there is none.
func Remove(key string) { host.Remove(key) }

// Keys are all keys that begin so, ascending.
func Keys(prefix string) []string { return host.Keys(prefix) }
