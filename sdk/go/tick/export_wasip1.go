//go:build wasip1

package tick

import (
	"math"
	"time"

	"weir/internal/abi"
)

type nothing struct{}

var (
	plugin   abi.Exported[Plugin]
	result   abi.Result[nothing]
	interval uint32
)

func export(get func() (Plugin, bool)) { plugin.Set(get) }

//go:wasmexport weir:plugin/tick@0.1.1#interval
func exportInterval() uint32 {
	abi.Answer(&interval, func() uint32 {
		p, configured := plugin.Get()
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
		p, configured := plugin.Get()
		if !configured {
			return abi.ErrNotConfigured
		}
		return p.Tick(time.UnixMilli(now), last != 0)
	})
}
