package weir

import (
	"fmt"
	"strings"

	"weir/internal/host"
)

// Errorf logs that something is lost or broken. Messages go to weir's log with the plugin's name; long ones are cut and
// floods thinned out.
func Errorf(format string, arguments ...any) { log(0, format, arguments) }

// Warnf logs that something is degraded.
func Warnf(format string, arguments ...any) { log(1, format, arguments) }

// Infof logs something that an operator wants to know.
func Infof(format string, arguments ...any) { log(2, format, arguments) }

// Debugf logs something for the plugin's author.
func Debugf(format string, arguments ...any) { log(3, format, arguments) }

func log(level uint32, format string, arguments []any) {
	host.Log(level, strings.ToValidUTF8(fmt.Sprintf(format, arguments...), "?"))
}

// Counter adds to a counter, shown on weir's /metrics as weir_plugin_custom_<name>_total. Labels are names and values in
// turn. A negative or non-finite value is ignored, and so are series beyond weir's cap: keep the label values few.
func Counter(name string, add float64, labels ...string) { host.Counter(name, paired(labels), add) }

// Gauge sets a gauge, shown on weir's /metrics as weir_plugin_custom_<name>. Labels are names and values in turn; gauges are
// capped in number like the counters.
func Gauge(name string, value float64, labels ...string) { host.Gauge(name, paired(labels), value) }

func paired(labels []string) []string {
	if len(labels)%2 != 0 {
		panic(fmt.Sprintf("labels are names and values in turn, but there are %d strings: %q", len(labels), labels))
	}
	return labels
}
