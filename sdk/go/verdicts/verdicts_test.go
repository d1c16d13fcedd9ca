package verdicts_test

import (
	"testing"

	"weir/verdicts"
	"weir/weirtest"
)

func TestForgettingIsSeenByTests(t *testing.T) {
	weirtest.Forgotten()
	verdicts.Forget()
	verdicts.Forget()
	if times := weirtest.Forgotten(); times != 2 || weirtest.Forgotten() != 0 {
		t.Error(times)
	}
}
