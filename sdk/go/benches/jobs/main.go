// The jobs of weir's benches/contract.rs.
package main

import (
	"strings"

	"weir"
	"weir/logs"
	"weir/series"
)

type Jobs struct{ filter bool }

type Config struct {
	Mode string `json:"mode"`
}

func New(c Config) (*Jobs, error) { return &Jobs{c.Mode == "filter"}, nil }

func (j *Jobs) SeriesWants() weir.Labels {
	if j.filter {
		return weir.Named("env")
	}
	return weir.Everything()
}

func (j *Jobs) Series(batch *series.Batch) error {
	if j.filter {
		for row := range batch.Having("env", func(env string) bool { return env == "debug" }) {
			row.Drop()
		}
		return nil
	}
	for row := range batch.Rows() {
		row.Set("cluster", "eu-1")
		if pod := row.Label("pod"); pod != "" {
			row.Set("pod_name", pod)
			row.Remove("pod")
		}
	}
	return nil
}

func (j *Jobs) LogsWants() logs.Wanted { return logs.Wanted{Lines: true} }

func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-' || c == '+'
}

func (j *Jobs) Logs(batch *logs.Batch) error {
	var parts []string
	for row := range batch.Rows() {
		line := row.Line()
		if strings.Contains(line, "DEBUG") {
			row.Drop()
			continue
		}
		parts = parts[:0]
		from, at := 0, 0
		for {
			i := strings.IndexByte(line[at:], '@')
			if i < 0 {
				break
			}
			sign := at + i
			start := sign
			for start > from && word(line[start-1]) {
				start--
			}
			end := sign + 1
			for end < len(line) && word(line[end]) {
				end++
			}
			if start < sign && strings.IndexByte(line[sign+1:end], '.') >= 0 {
				parts = append(parts, line[from:start], "<email>")
				from = end
			}
			at = end
		}
		if len(parts) > 0 {
			row.SetLine(append(parts, line[from:])...)
		}
	}
	return nil
}

func init() {
	p := weir.Plugin(New)
	series.Export(p)
	logs.Export(p)
}

func main() {}
