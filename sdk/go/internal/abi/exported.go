package abi

// Exported is the plugin behind an interface.
type Exported[P any] struct {
	get func() (P, bool)
}

// Set names the plugin: how it is asked for, and whether it is configured.
func (e *Exported[P]) Set(get func() (P, bool)) { e.get = get }

// Get is the plugin; false where none is exported, or `configure` has not gone well.
func (e *Exported[P]) Get() (plugin P, configured bool) {
	if e.get == nil {
		return plugin, false
	}
	return e.get()
}
