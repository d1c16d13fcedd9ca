// Routes makes route templates of URL paths: of /users/4711/orders?page=2 it makes /users/{id}/orders. So labels have as many values
// as there are routes, not as many as there are users; and nobody's number is in them.
package main

import (
	"errors"
	"fmt"

	"weir"
	"weir/logs"
	"weir/series"
)

// Config is what stands in `[plugins.routes] config`.
type Config struct {
	// Label is the label (of series and log streams) and the structured metadata that holds the path.
	Label string `json:"label"`
	// Routes are templates of the operator's own, `/blog/{slug}`; the first that fits is taken. What none fits is guessed at.
	Routes []string `json:"routes"`
	// Depth is how many segments a guessed route has at most; 0: all.
	Depth int `json:"depth"`
}

// Routes is the plugin.
type Routes struct {
	label  string
	routes []route
	depth  int
}

// New checks the configuration.
func New(config Config) (*Routes, error) {
	if config.Label == "" {
		config.Label = "path"
	}
	if config.Depth < 0 {
		return nil, errors.New("config.depth: must not be negative")
	}
	r := &Routes{label: config.Label, depth: config.Depth}
	for i, text := range config.Routes {
		parsed, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("config.routes[%d]: %w", i, err)
		}
		r.routes = append(r.routes, parsed)
	}
	return r, nil
}

// template is the route of a path.
func (r *Routes) template(path string) string {
	path = onlyPath(path)
	for _, route := range r.routes {
		if route.fits(path) {
			return route.text
		}
	}
	return guess(path, r.depth)
}

// SeriesWants asks for the one label.
func (r *Routes) SeriesWants() weir.Labels { return weir.Named(r.label) }

// Series gives series and log streams the route in place of the path.
func (r *Routes) Series(batch *series.Batch) error {
	for row := range batch.Rows() {
		if path := row.Label(r.label); path != "" {
			if template := r.template(path); template != path {
				row.Set(r.label, template)
			}
		}
	}
	return nil
}

// LogsWants asks for the one metadata; lines are not looked at.
func (r *Routes) LogsWants() logs.Wanted { return logs.Wanted{Metadata: weir.Named(r.label)} }

// Logs does the same for structured metadata.
func (r *Routes) Logs(batch *logs.Batch) error {
	for row := range batch.Rows() {
		if path := row.Metadata(r.label); path != "" {
			if template := r.template(path); template != path {
				row.SetMetadata(r.label, template)
			}
		}
	}
	return nil
}

func init() {
	plugin := weir.Plugin(New)
	series.Export(plugin)
	logs.Export(plugin)
}

func main() {} // Go wants one; it is never called
