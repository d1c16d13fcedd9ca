// The job of sdk/benches.
package main

import (
	"strings"

	"weir"
	"weir/logs"
	"weir/samples"
	"weir/series"
)

type Cost struct {
	Cluster string `json:"cluster"`
}

func New(c Cost) (*Cost, error) { return &c, nil }

func (c *Cost) SeriesWants() weir.Labels { return weir.Named("__name__") }

func (c *Cost) Series(batch *series.Batch) error {
	for row := range batch.Rows() {
		if row.Label("__name__") == "container_tasks_state" {
			row.Drop()
			continue
		}
		row.Set("cluster", c.Cluster)
	}
	return nil
}

func (c *Cost) SamplesWants() samples.Wanted { return samples.Wanted{Labels: weir.Named("unit")} }

func (c *Cost) Samples(batch *samples.Batch) error {
	for row := range batch.Rows() {
		switch value, float := row.Value(); {
		case !float:
		case value < 0:
			row.Drop()
		case row.Label("unit") == "s":
			row.SetValue(value * 1000)
		}
	}
	return nil
}

func (c *Cost) LogsWants() logs.Wanted { return logs.Wanted{Lines: true} }

func (c *Cost) Logs(batch *logs.Batch) error {
	for row := range batch.Rows() {
		line := row.Line()
		if strings.Contains(line, "DEBUG") {
			row.Drop()
			continue
		}
		if strings.Contains(line, "ERROR") {
			row.SetMetadata("level", "error")
		}
		if parts := redacted(line); parts != nil {
			row.SetLine(parts...)
		}
	}
	return nil
}

// redacted is the parts of a line without its passwords; nil where it has none.
func redacted(line string) (parts []string) {
	const key = "password="
	for rest := line; ; {
		before, secret, found := strings.Cut(rest, key)
		if !found {
			if parts != nil {
				parts = append(parts, rest)
			}
			return parts
		}
		if i := strings.IndexByte(secret, ' '); i >= 0 {
			rest = secret[i:]
		} else {
			rest = ""
		}
		parts = append(parts, before, key+"***")
	}
}

func init() {
	p := weir.Plugin(New)
	series.Export(p)
	samples.Export(p)
	logs.Export(p)
}

func main() {}
