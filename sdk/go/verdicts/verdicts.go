// Package verdicts is about what weir keeps of a plugin's answers in [weir/series], for a plugin that decides by something else
// beside labels and configuration: a table that it fetches, say.
package verdicts

import "weir/internal/host"

// Forget says that what Series has answered no longer holds: weir asks again about every series and every log stream of the
// pipeline.
//
// It can be used from Tick, for it costs the pipeline a start from the beginning; anywhere else it does nothing. It counts only
// if the call succeeds.
func Forget() { host.Forget() }
