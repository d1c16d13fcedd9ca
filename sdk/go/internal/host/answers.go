package host

// How Set ends.
const (
	Kept = iota
	TooLarge
	Full
)

// How an emission ends.
const (
	Emitted = iota
	Malformed
	OverBudget
	NotNow
)

// How a request ends.
const (
	Answered = iota
	HTTPMalformed
	HTTPNotGranted
	HTTPTooLarge
	HTTPOverBudget
	HTTPTimeout
	HTTPFailed
	HTTPNotNow
)
