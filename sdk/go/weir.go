// Package weir writes plugins for weir in Go.
//
// A plugin is a type, a function that makes it of its configuration, and a line for each interface that it has: decide by
// labels alone ([weir/series]), by values ([weir/samples]), by the text of log lines ([weir/logs]).
//
//	package main
//
//	import (
//		"weir"
//		"weir/series"
//	)
//
//	type Config struct {
//		Cluster string `json:"cluster"`
//	}
//
//	type Tidy struct{ Config }
//
//	func NewTidy(config Config) (*Tidy, error) { return &Tidy{config}, nil }
//
//	func (t *Tidy) SeriesWants() weir.Labels { return weir.Named("__name__") }
//
//	func (t *Tidy) Series(batch *series.Batch) error {
//		for row := range batch.Rows() {
//			if row.Label("__name__") == "container_tasks_state" {
//				row.Drop()
//			} else {
//				row.Set("cluster", t.Cluster)
//			}
//		}
//		return nil
//	}
//
//	func init() { series.Export(weir.Plugin(NewTidy)) }
//
//	func main() {} // Go wants one; it is never called
//
// # Speed
//
// Ask for little in the Wants methods: what is not asked for never crosses into the plugin. Answer by labels alone in
// [weir/series]: weir keeps the answer. Match patterns with Having, which looks at each distinct value once.
//
// # Failure
//
// An error that a call returns makes weir apply the plugin's failure policy to that call's rows. So does a panic, whose message
// and place in the code become the error.
//
// # What there is not
//
// A plugin has no clock (time.Now begins in 1970), no files, no environment and no network but [weir/http], and chance is the
// same in every instance. What is printed goes to weir's log. A goroutine runs only while a call does: wait for those you start.
package weir

import "weir/internal/config"

// Labels says which labels a plugin reads. weir sends only those, so the fewer the cheaper.
type Labels struct {
	everything bool
	names      []string
}

// Nothing is no label at all: every label then reads as absent.
func Nothing() Labels { return Labels{} }

// Everything is every label of every set.
func Everything() Labels { return Labels{everything: true} }

// Named is the labels of these names; all others read as absent.
func Named(names ...string) Labels { return Labels{names: append([]string{}, names...)} }

// Includes tells whether a label is wanted.
func (l Labels) Includes(name string) bool {
	for _, n := range l.names {
		if n == name {
			return true
		}
	}
	return l.everything
}

// All tells whether every label is wanted, and else the names of those that are; nil where none is.
func (l Labels) All() (all bool, names []string) { return l.everything, l.names }

// Instance is a plugin on its way to its interfaces: see [Plugin].
type Instance[P any] struct {
	plugin     P
	configured bool
}

// Get is the plugin, once weir has configured it.
func (i *Instance[P]) Get() (plugin P, configured bool) { return i.plugin, i.configured }

// configure is set by Plugin: what weir's `configure` does. A program is one plugin.
var configure func(json string) error

// Plugin says how a configuration becomes a plugin. weir calls it once for each instance, before anything else, with the
// plugin's `config` from weir's configuration; C is decoded from it as by encoding/json, and a key that it does not have
// is an error. An error keeps the plugin from being used and is shown to the operator.
//
// What it returns goes to the Export function of each interface that the plugin has.
func Plugin[C, P any](make func(C) (P, error)) *Instance[P] {
	if configure != nil {
		panic("weir.Plugin is called twice: a program is one plugin")
	}
	instance := &Instance[P]{}
	configure = func(json string) error {
		var c C
		if err := config.Decode(json, &c); err != nil {
			return err
		}
		plugin, err := make(c)
		if err != nil {
			return err
		}
		instance.plugin, instance.configured = plugin, true
		return nil
	}
	return instance
}

// NoConfig is the configuration of a plugin that takes none: any key is an error.
type NoConfig struct{}
