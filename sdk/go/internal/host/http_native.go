//go:build !wasip1

package host

import "strings"

// What answers requests in tests, by URL, and what was asked since a test last looked.
var (
	Answers  = map[string]Response{}
	Requests []Request
)

// RefuseRequests is how every request ends, unless it is Answered, and why.
var (
	RefuseRequests    int
	RefuseRequestsWhy string
)

// Send keeps the request. Hosts of which no URL is answered are not granted.
func Send(r *Request) (answer Response, how int, why string) {
	Requests = append(Requests, *r)
	if RefuseRequests != Answered {
		return answer, RefuseRequests, RefuseRequestsWhy
	}
	answer, found := Answers[r.URL]
	if !found {
		_, host, _ := strings.Cut(r.URL, "://")
		host, _, _ = strings.Cut(host, "/")
		return answer, HTTPNotGranted, host
	}
	return answer, Answered, ""
}
