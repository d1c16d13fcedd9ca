//go:build wasip1

package weir

import (
	"errors"
	"strings"

	"weir/internal/abi"
)

type nothing struct{}

var configured abi.Result[nothing]

//go:wasmexport weir:plugin/lifecycle@0.1.0#configure
func exportConfigure(at, size uint32) uint32 {
	return abi.Run(&configured, func(*nothing) error {
		if configure == nil {
			return errors.New("the plugin's code calls no weir.Plugin in an init function")
		}
		return configure(strings.Clone(abi.String(at, size)))
	})
}
