//go:build wasip1

package logs

import (
	"unsafe"

	"weir/internal/abi"
)

// wireWanted is the contract's `wanted`.
type wireWanted struct {
	labels, metadata  abi.Wanted
	timestamps, lines bool
}

// wireBatch is the contract's `batch`.
type wireBatch struct {
	rows       uint32
	symbols    abi.Symbols
	sets       abi.LabelSets
	setOfRow   abi.List
	metadata   abi.LabelSets
	timestamps abi.List
	lines      abi.Symbols
}

// wireEdit is the contract's `edit`.
type wireEdit struct {
	patch            uint32
	dropped          abi.List
	labels, metadata abi.LabelEdit
	times            struct {
		some        uint32
		rows, times abi.List
	}
	changed abi.List
	lines   abi.Symbols
}

// As the canonical ABI lays them out: weir's own tests hold these sizes against the contract.
var (
	_ [28]byte  = [unsafe.Sizeof(wireWanted{})]byte{}
	_ [84]byte  = [unsafe.Sizeof(wireBatch{})]byte{}
	_ [128]byte = [unsafe.Sizeof(wireEdit{})]byte{}
)

var (
	plugin abi.Exported[Plugin]
	wanted wireWanted
	result abi.Result[wireEdit]
	kept   edits
)

func export(get func() (Plugin, bool)) { plugin.Set(get) }

//go:wasmexport weir:plugin/logs@0.1.0#wants
func exportWants() uint32 {
	return abi.Answer(&wanted, func() wireWanted {
		p, configured := plugin.Get()
		if !configured {
			return wireWanted{}
		}
		w := p.LogsWants()
		return wireWanted{abi.Wants(w.Labels.All()), abi.Wants(w.Metadata.All()), w.Timestamps, w.Lines}
	})
}

//go:wasmexport weir:plugin/logs@0.1.0#process
func exportProcess(place uint32) uint32 {
	return abi.Run(&result, func(out *wireEdit) error {
		p, configured := plugin.Get()
		if !configured {
			return abi.ErrNotConfigured
		}
		b := abi.Pointer[wireBatch](place)
		batch := newBatch(b.rows, b.symbols.Strings(), b.lines.Strings(), &kept)
		defer func() { *batch = Batch{} }()
		batch.sets = b.sets.Sets(&batch.strings, b.setOfRow)
		batch.metadata = b.metadata.Sets(&batch.strings, abi.List{})
		batch.timestamps = abi.Numbers[int64](b.timestamps)
		if err := p.Logs(batch); err != nil {
			return err
		}
		changes, err := kept.finish()
		if err != nil {
			return err
		}
		if changes {
			out.patch, out.dropped = 1, abi.Column(kept.dropped.Numbers)
			out.labels, out.metadata = abi.Edit(&kept.labels, &kept.strings), abi.Edit(&kept.metadata, &kept.strings)
			if len(kept.timed.Numbers) > 0 {
				out.times.some, out.times.rows, out.times.times = 1, abi.Column(kept.timed.Numbers), abi.Column(kept.times)
			}
			out.changed, out.lines = abi.Column(kept.changed.Numbers), abi.Table(&kept.lines)
		}
		return nil
	})
}
