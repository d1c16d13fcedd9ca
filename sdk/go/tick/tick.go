// Package tick is the interface of plugins that hold state over time: they are called about every interval. A plugin that exports
// it has one instance in each pipeline, and the pipeline's calls come to it one after the other, ticks among them.
package tick

import (
	"time"

	"weir"
)

// Plugin is called over time.
type Plugin interface {
	// TickInterval is how often. At least a second; less is taken as that.
	TickInterval() time.Duration
	// Tick is told that some time has passed: emit, forget, sum up. Ticks that could not come in time are left out, not made up
	// for.
	//
	// last says that no call comes any more: weir stops, or another version or configuration takes this one's place. What is
	// gathered must be emitted, or kept in weir/state, now. After a failure there is no last tick.
	Tick(now time.Time, last bool) error
}

// Export gives the component the interface. Call it in an init function.
func Export[P Plugin](plugin *weir.Instance[P]) {
	export(func() (Plugin, bool) { return plugin.Get() })
}
