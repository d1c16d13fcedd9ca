package weir

import (
	"errors"
	"slices"
	"testing"

	"weir/internal/host"
)

type tidy struct{ cluster string }

func TestAPluginIsMadeOfItsConfiguration(t *testing.T) {
	type options struct {
		Cluster string `json:"cluster"`
	}
	defer func() { configure = nil }()
	instance := Plugin(func(o options) (*tidy, error) {
		if o.Cluster == "" {
			return nil, errors.New("config.cluster: give it a name")
		}
		return &tidy{o.Cluster}, nil
	})
	if err := configure(`{}`); err == nil || err.Error() != "config.cluster: give it a name" {
		t.Error(err)
	}
	if _, configured := instance.Get(); configured {
		t.Error("an error is no plugin")
	}
	if err := configure(`{"cluster":"eu"}`); err != nil {
		t.Error(err)
	}
	if plugin, configured := instance.Get(); !configured || plugin.cluster != "eu" {
		t.Error(plugin)
	}
	defer func() {
		if recover() == nil {
			t.Error("two plugins in one program")
		}
	}()
	Plugin(func(NoConfig) (int, error) { return 0, nil })
}

func TestTheHostHearsWhatIsLoggedAndMeasured(t *testing.T) {
	host.Messages, host.Counters, host.Gauges = nil, nil, nil
	Warnf("odd: %d %s", 7, "\xff")
	Counter("c", 1.5, "k", "v")
	Gauge("g", 2)
	if !slices.Equal(host.Messages, []host.Message{{Level: 1, Text: "odd: 7 ?"}}) {
		t.Error(host.Messages)
	}
	if c := host.Counters[0]; c.Name != "c" || c.Value != 1.5 || !slices.Equal(c.Labels, []string{"k", "v"}) {
		t.Error(c)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name without a value")
		}
	}()
	Counter("c", 1, "k")
}

func TestWantedLabels(t *testing.T) {
	if all, names := Nothing().All(); all || names != nil {
		t.Error("nothing")
	}
	if all, names := Named().All(); all || names == nil {
		t.Error("no names: the sets are there, and empty")
	}
	if !Everything().Includes("x") || !Named("x").Includes("x") || Named("y").Includes("x") {
		t.Error("what is wanted")
	}
}
