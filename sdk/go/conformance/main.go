// The plugin of sdk/conformance/README.md.
package main

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir"
	"weir/emit"
	"weir/logs"
	"weir/samples"
	"weir/series"
	"weir/state"
	"weir/tick"
	"weir/verdicts"
)

type config struct {
	Cluster string   `json:"cluster"`
	Drop    []string `json:"drop"`
	Factor  *float64 `json:"factor"`
}

type plugin struct {
	config
	factor float64
	// seen is how many lines this instance has been called with.
	seen uint64
}

func newPlugin(c config) (*plugin, error) {
	if c.Cluster == "" {
		return nil, errors.New("config.cluster: must be there, and not be empty")
	}
	p := &plugin{config: c, factor: 1000}
	if c.Factor != nil {
		p.factor = *c.Factor
	}
	if emit.Samples(emit.Sample{Name: "early", Value: 1}) != emit.ErrNotNow {
		return nil, errors.New("emitting is possible before the first call")
	}
	weir.Infof("configured")
	return p, nil
}

func (p *plugin) SeriesWants() weir.Labels { return weir.Named("__name__", "city", "instance", "mode") }

func (p *plugin) Series(batch *series.Batch) error {
	for row := range batch.Rows() {
		name, mode := row.Label("__name__"), row.Label("mode")
		switch {
		case mode == "error":
			return errors.New("asked to fail by " + row.Label("instance"))
		case mode == "panic":
			panic("asked to panic")
		case slices.Contains(p.Drop, name):
			row.Drop()
			weir.Counter("dropped", 1, "kind", "series")
			continue
		}
		row.Set("cluster", p.Cluster)
		if city := row.Label("city"); city != "" {
			row.Set("greeting", "grüezi "+city)
		}
		switch mode {
		case "rename":
			row.Set("__name__", name+"_renamed")
		case "remove":
			row.Remove("instance")
		case "empty":
			row.Set("instance", "")
		}
	}
	return nil
}

func (p *plugin) SamplesWants() samples.Wanted {
	return samples.Wanted{Labels: weir.Named("__name__", "unit"), Timestamps: true}
}

func (p *plugin) Samples(batch *samples.Batch) error {
	for row := range batch.Rows() {
		value, float := row.Value()
		if !float {
			kind := "stale"
			if row.Kind() == samples.Histogram {
				kind = "histogram"
			}
			row.Set("kind", kind)
			continue
		}
		switch unit := row.Label("unit"); {
		case unit == "fail":
			return errors.New("asked to fail by " + row.Label("__name__"))
		case value < 0:
			row.Drop()
		case unit == "ms":
			row.SetValue(value / p.factor)
			row.Set("unit", "s")
		case unit == "time":
			row.SetValue(float64(row.Timestamp() % 1000))
		case unit == "nan":
			row.SetValue(math.NaN())
		}
	}
	return nil
}

func (p *plugin) LogsWants() logs.Wanted {
	return logs.Wanted{Labels: weir.Named("job"), Metadata: weir.Named("trace"), Timestamps: true, Lines: true}
}

func (p *plugin) Logs(batch *logs.Batch) error {
	for row := range batch.Rows() {
		line := row.Line()
		p.seen++
		switch {
		case line == "FAIL":
			return errors.New("asked to fail by " + row.Label("job"))
		case line == "PANIC":
			panic("asked to panic")
		case strings.Contains(line, "DEBUG"):
			row.Drop()
			continue
		}
		if strings.Contains(line, "ERROR") {
			row.SetMetadata("level", "error")
		}
		if parts := redacted(line); parts != nil {
			row.SetLine(parts...)
		}
		if row.Metadata("trace") != "" {
			row.RemoveMetadata("trace")
			row.Set("traced", "yes")
		}
		if rest, found := strings.CutPrefix(line, "at "); found {
			digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
			if time, err := strconv.ParseInt(rest[:digits], 10, 64); err == nil {
				row.SetTimestamp(time)
			}
		}
		if words, found := strings.CutPrefix(line, "do "); found {
			answer, err := do(strings.Split(words, " "), row.Label("job"))
			if err != nil {
				return err
			}
			row.SetMetadata("answer", answer)
		}
	}
	return nil
}

func (p *plugin) TickInterval() time.Duration { return 15 * time.Second }

func (p *plugin) Tick(now time.Time, last bool) error {
	before, _ := state.Get("ticks")
	ticks, _ := strconv.Atoi(string(before))
	ticks++
	if err := state.Set("ticks", []byte(strconv.Itoa(ticks))); err != nil {
		return err
	}
	is := "no"
	if last {
		is = "yes"
	}
	emitted := emit.Samples(
		emit.Sample{Name: "ticks", Labels: []string{"last", is}, Value: float64(ticks)},
		emit.Sample{Name: "tick_seconds", Value: float64(now.Unix())},
		emit.Sample{Name: "lines_seen", Value: float64(p.seen)},
	)
	switch what, _ := state.Get("tick"); string(what) {
	case "fail":
		return errors.New("asked to fail in tick")
	case "anew":
		verdicts.Forget()
	}
	if emitted == emit.ErrOverBudget { // the next tick says the sum
		return nil
	}
	return emitted
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
	p := weir.Plugin(newPlugin)
	series.Export(p)
	samples.Export(p)
	logs.Export(p)
	tick.Export(p)
}

func main() {}
