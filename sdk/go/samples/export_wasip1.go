//go:build wasip1

package samples

import (
	"unsafe"

	"weir/internal/abi"
)

// wireWanted is the contract's `wanted`.
type wireWanted struct {
	labels                 abi.Wanted
	timestamps, startTimes bool
}

// wireBatch is the contract's `batch`.
type wireBatch struct {
	rows                                        uint32
	symbols                                     abi.Symbols
	sets                                        abi.LabelSets
	setOfRow, kinds, timestamps, starts, values abi.List
}

// wireEdit is the contract's `edit`.
type wireEdit struct {
	patch           uint32
	dropped         abi.List
	labels          abi.LabelEdit
	changed, values abi.List
}

// As the canonical ABI lays them out: weir's own tests hold these sizes against the contract.
var (
	_ [16]byte = [unsafe.Sizeof(wireWanted{})]byte{}
	_ [76]byte = [unsafe.Sizeof(wireBatch{})]byte{}
	_ [64]byte = [unsafe.Sizeof(wireEdit{})]byte{}
)

var (
	plugin abi.Exported[Plugin]
	wanted wireWanted
	result abi.Result[wireEdit]
	kept   edits
)

func export(get func() (Plugin, bool)) { plugin.Set(get) }

//go:wasmexport weir:plugin/samples@0.1.0#wants
func exportWants() uint32 {
	return abi.Answer(&wanted, func() wireWanted {
		p, configured := plugin.Get()
		if !configured {
			return wireWanted{}
		}
		w := p.SamplesWants()
		return wireWanted{abi.Wants(w.Labels.All()), w.Timestamps, w.StartTimestamps}
	})
}

//go:wasmexport weir:plugin/samples@0.1.0#process
func exportProcess(place uint32) uint32 {
	return abi.Run(&result, func(out *wireEdit) error {
		p, configured := plugin.Get()
		if !configured {
			return abi.ErrNotConfigured
		}
		b := abi.Pointer[wireBatch](place)
		batch := newBatch(b.rows, b.symbols.Strings(), &kept)
		defer func() { *batch = Batch{} }()
		batch.sets = b.sets.Sets(&batch.strings, b.setOfRow)
		batch.kinds = abi.Bytes(b.kinds.At, b.kinds.Len)
		batch.timestamps, batch.startTimes = abi.Numbers[int64](b.timestamps), abi.Numbers[int64](b.starts)
		batch.values = abi.Numbers[float64](b.values)
		if err := p.Samples(batch); err != nil {
			return err
		}
		changes, err := kept.finish()
		if err != nil {
			return err
		}
		if changes {
			*out = wireEdit{
				1, abi.Column(kept.dropped.Numbers), abi.Edit(&kept.labels, &kept.strings),
				abi.Column(kept.changed.Numbers), abi.Column(kept.values),
			}
		}
		return nil
	})
}
