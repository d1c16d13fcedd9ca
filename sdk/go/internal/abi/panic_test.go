package abi

import (
	"errors"
	"strings"
	"testing"
)

func TestAPanicIsAnErrorWithItsPlace(t *testing.T) {
	var none []int
	var nowhere *struct{ field int }
	for want, act := range map[string]func(){
		"index out of range [3] with length 0":              func() { _ = none[len("abc")] },
		"invalid memory address or nil pointer dereference": func() { _ = nowhere.field },
		"asked to panic": func() { panic("asked to panic") },
		"an error":       func() { panic(errors.New("an error")) },
	} {
		err := guarded(func() error { act(); return nil })
		if err == nil || !strings.HasPrefix(err.Error(), "panic") || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := guarded(func() error { return errors.New("just an error") }); err.Error() != "just an error" {
		t.Error(err)
	}
}
