//go:build wasip1

package tick

import (
	"math"
	"time"

	"weir/internal/abi"
)

type nothing struct{}

var (
	plugin   func() (Plugin, bool)
	result   abi.Result[nothing]
	interval uint32
)

func export(get func() (Plugin, bool)) { plugin = get }

//go:wasmexport weir:plugin/tick@0.1.1#interval
func exportInterval() uint32 {
	abi.Answer(&interval, func() uint32 {
		p, configured := get()
		if !configured {
			return 1000
		}
		return uint32(min(max(p.TickInterval().Milliseconds(), 0), math.MaxUint32))
	})
	return interval
}

//go:wasmexport weir:plugin/tick@0.1.1#tick
func exportTick(now int64, last uint32) uint32 {
	return abi.Run(&result, func(*nothing) error {
		p, configured := get()
		if !configured {
			return abi.ErrNotConfigured
		}
		return p.Tick(time.UnixMilli(now), last != 0)
	})
}

func get() (Plugin, bool) {
	if plugin == nil {
		return nil, false
	}
	return plugin()
}
