//go:build !wasip1

// Package weirtest is for a plugin's own tests, which run natively: the servers that it asks, and what it told weir.
package weirtest

import (
	"slices"
	"time"

	"weir/http"
	"weir/internal/host"
)

// Answer has every request to a URL answered so. Any other URL is of a host that is not granted.
func Answer(url string, with http.Response) { host.Answers[url] = host.Response(with) }

// Requests are those that were made since it was last called.
func Requests() []http.Request {
	var requests []http.Request
	for _, r := range host.Requests {
		requests = append(requests, http.Request{
			Method: r.Method, URL: r.URL, Headers: slices.Clone(r.Headers), Body: r.Body,
			Timeout: time.Duration(r.Timeout) * time.Millisecond,
		})
	}
	host.Requests = nil
	return requests
}

// Forgotten is how often verdicts.Forget was called since it was last called.
func Forgotten() int {
	times := host.Forgotten
	host.Forgotten = 0
	return times
}
