package state

import (
	"errors"
	"slices"
	"testing"
)

func TestWhatIsKept(t *testing.T) {
	if _, found := Get("a"); found {
		t.Error("nothing is there to begin with")
	}
	for _, key := range []string{"b", "a:2", "a:1"} {
		if err := Set(key, []byte(key)); err != nil {
			t.Error(err)
		}
	}
	if value, found := Get("a:2"); !found || string(value) != "a:2" || !slices.Equal(Keys("a:"), []string{"a:1", "a:2"}) {
		t.Error(value, Keys("a:"))
	}
	Remove("a:2")
	if _, found := Get("a:2"); found {
		t.Error("it is out")
	}
	if err := Set("c", make([]byte, 300<<10)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}
