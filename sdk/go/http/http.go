// Package http makes HTTP requests, by weir, to the hosts that the operator has granted.
//
// A plugin that uses it runs only where its configuration has the grant:
//
//	grant = [{ kind = "http", hosts = ["api.example.com"] }]
//
// Ask for it in the manifest, too, and say why.
//
// A call waits for its answers, and whoever it serves waits for the call: ask in the function given to weir.Plugin and in Tick,
// rather than for each batch, and keep what came. The requests of one call share the time that the operator allows
// (limits.http_timeout, 5 s), those of all instances their number (limits.http_requests, 10 a second).
package http

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/host"
)

// Request is a request.
type Request struct {
	// Method is GET, HEAD, POST, PUT, PATCH or DELETE; GET where it is empty.
	Method string
	// URL is http or https, with a host that is granted.
	URL string
	// Headers are names and values in turn, beside what weir sets itself (host, content-length and what else belongs to the
	// connection).
	Headers []string
	// Body is nil for none.
	Body []byte
	// Timeout is how long to wait for the whole answer. It is never longer than the call may wait, which is what 0 means.
	Timeout time.Duration
}

// Response is an answer, whatever its status. A redirect is one as well: weir follows none.
type Response struct {
	// Status is 200 and its like.
	Status int
	// Headers are names in lower case, and values, in turn.
	Headers []string
	// Body is as it came. It may be kept and changed.
	Body []byte
}

// OK tells whether the status is one of 200 to 299.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Header is the first value of a header; "" where there is none.
func (r *Response) Header(name string) string {
	for i := 0; i+1 < len(r.Headers); i += 2 {
		if strings.EqualFold(r.Headers[i], name) {
			return r.Headers[i+1]
		}
	}
	return ""
}

// Get sends a GET.
func Get(url string) (Response, error) { return Send(Request{URL: url}) }

// Send makes a request and waits for the whole answer. An error is one of the refusals of this package; any status is an answer.
func Send(request Request) (Response, error) {
	r := host.Request{Method: request.Method, URL: request.URL, Headers: request.Headers, Body: request.Body}
	if r.Method == "" {
		r.Method = "GET"
	}
	if what := malformed(&r); what != "" {
		return Response{}, &Malformed{what}
	}
	if request.Timeout > 0 {
		// what is less than a millisecond is one: none at all would be no limit
		r.Timeout = uint32(min((request.Timeout-1)/time.Millisecond+1, math.MaxUint32))
	}
	answer, how, why := host.Send(&r)
	if how != host.Answered {
		return Response{}, refused(how, why)
	}
	return Response(answer), nil
}

// malformed is what weir cannot even be given.
func malformed(r *host.Request) string {
	if len(r.Headers)%2 != 0 {
		return fmt.Sprintf("headers are names and values in turn, but there are %d strings: %q", len(r.Headers), r.Headers)
	}
	for _, text := range append([]string{r.Method, r.URL}, r.Headers...) {
		if !utf8.ValidString(text) {
			return fmt.Sprintf("it is no UTF-8: %q", text)
		}
	}
	return ""
}
