//go:build wasip1

package series

import (
	"unsafe"

	"weir/internal/abi"
)

// verdicts is the contract's record of that name.
type verdicts struct {
	dropped abi.List
	labels  abi.LabelEdit
}

// As the canonical ABI lays them out: weir's own tests hold these sizes against the contract.
var (
	_ [44]byte = [unsafe.Sizeof(verdicts{})]byte{}
)

var (
	plugin abi.Exported[Plugin]
	wanted abi.Wanted
	result abi.Result[verdicts]
	kept   edits
)

func export(get func() (Plugin, bool)) { plugin.Set(get) }

//go:wasmexport weir:plugin/series@0.1.0#wants
func exportWants() uint32 {
	return abi.Answer(&wanted, func() abi.Wanted {
		p, configured := plugin.Get()
		if !configured {
			return abi.Wanted{}
		}
		return abi.Wants(p.SeriesWants().All())
	})
}

//go:wasmexport weir:plugin/series@0.1.0#relabel
func exportRelabel(rows, text, textLen, ends, endsLen, pairs, pairsLen, setEnds, setEndsLen uint32) uint32 {
	return abi.Run(&result, func(out *verdicts) error {
		p, configured := plugin.Get()
		if !configured {
			return abi.ErrNotConfigured
		}
		symbols := abi.Symbols{Text: abi.List{At: text, Len: textLen}, Ends: abi.List{At: ends, Len: endsLen}}
		sets := abi.LabelSets{Pairs: abi.List{At: pairs, Len: pairsLen}, Ends: abi.List{At: setEnds, Len: setEndsLen}}
		batch := newBatch(rows, symbols.Strings(), &kept)
		defer func() { *batch = Batch{} }()
		batch.sets = sets.Sets(&batch.strings, abi.List{})
		if err := p.Series(batch); err != nil {
			return err
		}
		if err := kept.strings.Check(); err != nil {
			return err
		}
		kept.dropped.Distinct()
		*out = verdicts{abi.Column(kept.dropped.Numbers), abi.Edit(&kept.labels, &kept.strings)}
		return nil
	})
}
