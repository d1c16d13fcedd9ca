//go:build !wasip1

package samples

// Natively nothing is exported: the plugin's tests call its methods.
func export(func() (Plugin, bool)) {}
