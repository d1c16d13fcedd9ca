package http

import (
	"errors"

	"weir/internal/host"
)

// Why there is no answer. weir counts and logs it as well.
var (
	// ErrOverBudget: more requests than the plugin may make now.
	ErrOverBudget = errors.New("more requests than the plugin may make now")
	// ErrNotNow: there are no requests from the Wants methods and TickInterval.
	ErrNotNow = errors.New("there are no requests from here")
)

// Malformed: no request can be made of this.
type Malformed struct{ What string }

func (e *Malformed) Error() string { return "the request makes no sense: " + e.What }

// NotGranted: the host (as name:port) is not among those that are granted.
type NotGranted struct{ Host string }

func (e *NotGranted) Error() string { return "requests to " + e.Host + " are not granted" }

// TooLarge: the request or the answer is larger than it may be. What says which, and how large that is.
type TooLarge struct{ What string }

func (e *TooLarge) Error() string { return e.What }

// Timeout: no whole answer came in time, or the call has waited as long as it may.
type Timeout struct{ What string }

func (e *Timeout) Error() string { return e.What }

// Failed: the name does not resolve, nothing listens there, TLS failed, or what came back was cut off or no HTTP.
type Failed struct{ What string }

func (e *Failed) Error() string { return e.What }

func refused(how int, why string) error {
	switch how {
	case host.HTTPMalformed:
		return &Malformed{why}
	case host.HTTPNotGranted:
		return &NotGranted{why}
	case host.HTTPTooLarge:
		return &TooLarge{why}
	case host.HTTPOverBudget:
		return ErrOverBudget
	case host.HTTPTimeout:
		return &Timeout{why}
	case host.HTTPFailed:
		return &Failed{why}
	}
	return ErrNotNow
}
