//go:build !wasip1

package tick

// Natively nothing is exported: the plugin's tests call its methods.
func export(func() (Plugin, bool)) {}
